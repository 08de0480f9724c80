"""The rules of each identifier, one by one, with the numbers their rules were checked on."""

from datetime import date

import pytest

from appliance.policy.detectors.scan import scan

TODAY = date(2026, 3, 2)
L, M, H = "LOW", "MEDIUM", "HIGH"

CASES = (
    # resident and foreigner numbers
    ("주민번호는900101-1234567입니다", [("rrn", H, "900101-1234567")]),
    ("900101 1234567", [("rrn", M, "900101 1234567")]),
    ("생년월일 및 번호 900101.1234567", [("rrn", H, "900101.1234567")]),
    ("RRN 900101 1234567", [("rrn", H, "900101 1234567")]),
    ("president 900101 1234567", [("rrn", M, "900101 1234567")]),
    ("900101_1234567", []),
    ("900101-12345678", []),
    ("900101-\n1234567", [("rrn", H, "900101-\n1234567")]),
    ("000229-3234567", [("rrn", H, "000229-3234567")]),
    ("010229-3234567", []),  # 2001 was no leap year
    ("270101-3234567", []),  # not born yet
    ("1900101-1234567", []),
    ("900101-5234567", [("foreigner", H, "900101-5234567")]),
    ("٩٠٠١٠١-١٢٣٤٥٦٧", []),
    # corporations
    ("110111-0062432", [("corporate", H, "110111-0062432")]),
    ("130111-0006246", [("corporate", H, "130111-0006246")]),
    ("110111-1129497", [("corporate", H, "110111-1129497")]),
    ("주민번호 110111-1129497", [("rrn", H, "110111-1129497")]),
    # driver's licences
    ("11-22-123456-78", [("licence", H, "11-22-123456-78")]),
    ("28-22-123456-78", [("licence", H, "28-22-123456-78")]),
    ("27-22-123456-78", []),
    ("면허 112212345678", [("licence", H, "112212345678")]),
    ("112212345678", []),
    # passports
    ("여권 M12345678", [("passport", H, "M12345678")]),
    ("M123A4567", [("passport", M, "M123A4567")]),
    ("AM12345678", []),
    ("M123456789", []),
    ("X12345678", []),
    # businesses
    *((number, [("business", H, number)]) for number in ("116-82-00276", "134-86-72683", "220-81-62517")),
    ("124-81-00998", [("business", H, "124-81-00998")]),
    ("124-81-00997", []),
    ("사업자 1248100998", [("business", H, "1248100998")]),
    ("1248100998", []),
    # telephones
    ("010-1234-5678", [("phone", H, "010-1234-5678")]),
    ("+82 10-1234-5678", [("phone", H, "+82 10-1234-5678")]),
    ("01012345678", [("phone", H, "01012345678")]),
    ("011-234-5678", [("phone", H, "011-234-5678")]),
    ("전화 02-123-4567", [("phone", M, "02-123-4567")]),
    ("1588-1234", []),
    ("(010) 1234-5678", [("phone", H, "010) 1234-5678")]),
    ("010)1234-5678", [("phone", H, "010)1234-5678")]),
    ("+82 (0)10-1234-5678", [("phone", H, "10-1234-5678")]),
    ("0082-10-1234-5678", [("phone", H, "0082-10-1234-5678")]),
    ("부품번호 010-12-345", []),
    ("공일공 일이삼사 오육칠팔로", [("phone", M, "공일공 일이삼사 오육칠팔")]),
    ("공일공 사업", []),
    # cards, accounts, IBAN
    ("4111-1111-1111-1111", [("card", H, "4111-1111-1111-1111")]),
    ("4111-1111-1111-1112", []),
    ("3782-822463-10005", [("card", H, "3782-822463-10005")]),
    ("4111111111111111", [("card", H, "4111111111111111")]),
    ("주문번호 4111111111111111", [("card", M, "4111111111111111")]),
    ("국민은행 123456-01-123456", [("account", M, "123456-01-123456")]),
    ("자료 123456-01-123456", []),
    ("은행 방문 2026-03-02", []),
    ("DE89 3704 0044 0532 0130 00", [("iban", H, "DE89 3704 0044 0532 0130 00")]),
    ("DE88 3704 0044 0532 0130 00", []),
    # what only a label tells apart
    ("건강보험증 12345678901", [("health_insurance", M, "12345678901")]),
    ("군번 12-34567890", [("military", M, "12-34567890")]),
    ("학번 202612345", [("student", M, "202612345")]),
    # addresses and names
    ("서울특별시 중구 세종대로 110", [("address", M, "서울특별시 중구 세종대로 110")]),
    ("중구 세종대로 110, 3층 301호", [("address", H, "중구 세종대로 110, 3층 301호")]),
    ("성남시 분당구 판교역로 166번길 12", [("address", M, "성남시 분당구 판교역로 166번길 12")]),
    ("강남구 역삼동 123-4번지", [("address", M, "강남구 역삼동 123-4번지")]),
    ("새로 3명이 왔다", []),
    ("성명: 홍길동", [("name", M, "홍길동")]),
    ("홍길동 과장님께", [("name", L, "홍길동")]),
    ("고객님과 과장님", []),
    ("고객님 선생님 주무관님께", []),
    # the rest
    ("a.b+c@mail.example.co.kr로", [("email", H, "a.b+c@mail.example.co.kr")]),
    ("서버 10.0.0.1", [("ip", H, "10.0.0.1")]),
    ("10.0.0.1", [("ip", M, "10.0.0.1")]),
    ("버전 1.2.3.4", []),
    ("서버 2001:db8::1에서", [("ip", H, "2001:db8::1")]),
    ("fe80:0:0:0:1:2:3:4", [("ip", M, "fe80:0:0:0:1:2:3:4")]),
    ("std::move, a::b, 00:1A:2B:3C:5E:6F, 14:30:15, 2026:11:24", []),
    ("2001:db8::1::2", []),
    ("1.2.3.4.5", []),
    ("12가 3456", [("vehicle", H, "12가 3456")]),
    ("예산 15조 3000억", []),
    ("https://user:hunter2@example.com/", [("secret", H, "hunter2")]),
    ("AKIAABCDEFGHIJKLMNOP", [("secret", H, "AKIAABCDEFGHIJKLMNOP")]),
    ("키sk-abcdefghijklmnopqrstuvwxyz", [("secret", H, "sk-abcdefghijklmnopqrstuvwxyz")]),
)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_rule(text: str, expected: list[tuple[str, str, str]]) -> None:
    found = [(one.type.value, one.level.name, text[one.start : one.end]) for one in scan(text, TODAY)]
    assert found == expected


def test_a_resident_number_without_a_valid_check_digit_is_still_one() -> None:
    """Those issued since October 2020 have none: all ten last digits must be found."""
    for last in range(10):
        (finding,) = scan(f"주민번호 201103-312345{last}", TODAY)
        assert finding.type == "rrn"
        assert finding.level.name == "HIGH"


def test_a_private_key_is_one_secret() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----"
    (finding,) = scan(f"열쇠:\n{key}\n끝", TODAY)
    assert finding.rule == "secret.pem"
    assert finding.end - finding.start == len(key)


def test_the_surer_finding_wins_an_overlap() -> None:
    (finding,) = scan("계좌 입금 010-1234-5678", TODAY)
    assert finding.type == "phone"
