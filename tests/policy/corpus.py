"""A labelled corpus made from the rules of the identifiers: sentences, mutations, hard negatives.

Deterministic for a seed. No real person's data: see numbers.py. A label is what a careful
reader of the rules must call sure (HIGH); negatives must yield no HIGH finding at all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from string import ascii_letters, ascii_uppercase, digits

from tests.policy import numbers as make

FILLERS = (
    "어제 회의에서 정리한 내용을 다시 공유합니다.",
    "검토 후 의견을 주시면 반영하겠습니다.",
    "이번 분기 실적은 작년보다 나아졌습니다.",
    "담당 부서에서 확인하고 있습니다.",
    "Please check the attached file.",
    "",
)
SECRETS = ("AKIA{U16}", "ghp_{A36}", "sk-{A40}", "xoxb-{N12}-{A20}", "AIza{A35}", "eyJ{A20}.eyJ{A40}.{A43}")


ALPHABETS = {"U": ascii_uppercase + "234567", "A": ascii_letters + digits, "N": digits}
NEGATIVES = (
    "주문번호 {2015..2026}{01..12}{01..28}-{N7} 배송 중입니다.",
    "주문번호: {2015..2026}{01..12}{01..28}{N8}",
    "회의는 {2015..2026}-{01..12}-{01..28} 14:30에 시작합니다.",
    "{2015..2026}.{1..12}.{1..28}. ~ {2027..2030}.{1..12}.{1..28}. 계약 기간",
    "버전 {0..20}.{0..20}.{0..99}.{0..9} 배포",
    "v{0..9}.{0..30}.{0..30} 릴리스 노트",
    "총액은 {1..999},{N3},{N3}원입니다.",
    "고객센터는 15{N2}-{N4}로 문의하세요.",
    "부품번호 010-{N2}-{N3} 재고 확인",
    "모델번호 010-{N4}-{N4} 단종",
    "송장번호 {1..9}{N3}-{N4}-{N4} 조회",
    "운송장 {1..9}{N11}",
    "주문번호 {1..9}{N15} 결과",
    "상품코드 7{N12}",
    "타임스탬프 17{N11}",
    "사건번호 {2015..2026}가합{N5} 판결",
    "사건 {2015..2026}나{N5} 항소심",
    "문서번호 총무과-{N4} ({2015..2026}.{1..12}.{1..28}.)",
    "좌표 37.{N6}, 126.{N6}",
    "예산 {10..99}조 {1000..9999}억원",
    "{10..40}도 {2015..2026}년 기록",
    "제{1..99}조 제{1..9}항에 따라 처리합니다.",
    "ISBN 979-11-{N4}-{N3}-{N1}",
    "커밋 {N3}a{N3}f{N5}bc",
    "SKU-{N4}-{N4} / 수량 {1..99}",
    "{1..12}월 {1..28}일 {1..12}시 {0..59}분 {0..59}초",
    "합계 {N3} {N3} {N3} {N3} {N3}",
    "점수: {0..99} {0..99} {0..99} {0..99} {0..99} {0..99} {0..99}",
    "내선 {N4}, 팩스 02-{N3}-{N4}",
    "{2015..2026}{01..12}{01..28}_{N6}_보고서.hwp",
    "요청 {A4}{N4}-{N4}-4{N3}-a{N3}-{N6}ab{N4} 처리",
    "시각 {10..23}:{10..59}:{10..59}, 비율 {1..9}:{1..9}, std::vector와 a::b",
    "금액 {1..9},{N3},{N3}원 / 할인 {1..99}.{N1}% / 재고 {N3}-{N2}개",
    "접수 20{20..26}-{N6}, 담당 고객님 주무관님",
    "제24조의{1..9}제{1..3}항 및 별표 {1..9}, 부칙 제{N4}호",
    "회의실 {101..999}호, 내선 {N4}, 우편번호 {N5}",
    "MAC 00:1A:{N2}:{N2}:5E:{N2}",
    "{2015..2026}-{N4}-{N4} 관리번호",
    "99{13..60}{N2}-{1..4}{N6} 관리코드",
    "서울시 강남구 행사에서 2부로 나눠 3명씩 발표합니다.",
    "지하철 2호선 강남역 10번 출구, 3호기 점검",
    "김치찌개 8,000원 2인분, 이번 달 15일까지",
    "고객님, 담당 과장님께 전달했습니다. 선생님 감사합니다.",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and its labels: (kind, start, end)."""

    text: str
    labels: tuple[tuple[str, int, int], ...]
    mutation: str = "none"


def corpus(seed: int = 20260302, each: int = 320, negatives: int = 2000) -> list[Sample]:
    """Samples of every kind in every mutation, and the negatives."""
    random = Random(seed)  # noqa: S311 - a repeatable draw, not a secret
    samples = [_positive(random, kind) for kind in VALUES for _ in range(each)]
    samples += [_negative(random) for _ in range(negatives)]
    return samples


def _rrn(random: Random, foreigner: bool) -> tuple[str, tuple[str, ...]]:
    number = make.resident(random, foreigner)
    label = "외국인등록번호" if foreigner else "주민등록번호"
    if random.random() < 0.6:
        return f"{number[:6]}-{number[6:]}", (label, "주민번호", "신분 확인", "대상자", "")
    joined = random.choice([number, f"{number[:6]} {number[6:]}", f"{number[:6]}.{number[6:]}"])
    return joined, (label, "생년월일 및 등록번호", label + "는")


def _licence(random: Random) -> tuple[str, tuple[str, ...]]:
    number = make.licence(random)
    if random.random() < 0.7:
        return f"{number[:2]}-{number[2:4]}-{number[4:10]}-{number[10:]}", (
            "운전면허",
            "면허번호",
            "신청",
            "",
        )
    return number, ("운전면허번호", "면허번호는")


def _passport(random: Random) -> tuple[str, tuple[str, ...]]:
    return make.passport(random), ("여권번호", "여권", "passport no.", "Passport")


def _card(random: Random) -> tuple[str, tuple[str, ...]]:
    if random.random() < 0.15:
        number = make.amex(random)
        return f"{number[:4]}-{number[4:10]}-{number[10:]}", ("카드번호", "법인", "")
    number = make.card(random)
    if random.random() < 0.25:
        return number, ("카드번호", "결제 카드", "신용카드")
    joint = random.choice("-- ")
    return joint.join(number[at : at + 4] for at in range(0, 16, 4)), ("카드번호", "결제", "법인", "")


def _phone(random: Random) -> tuple[str, tuple[str, ...]]:
    prefix, middle, last = make.mobile(random)
    if random.random() < 0.1:
        abroad = random.choice(["+82-", "+82 ", "0082-"])
        return f"{abroad}{prefix[1:]}-{middle}-{last}", ("연락처", "mobile", "")
    if random.random() < 0.05:
        return f"{prefix}) {middle}-{last}", ("연락처", "HP", "")
    joint = random.choice(["-", "-", "-", "", " ", "."])
    return joint.join((prefix, middle, last)), ("연락처", "휴대전화", "담당자", "HP", "")


def _business(random: Random) -> tuple[str, tuple[str, ...]]:
    number = make.business(random)
    if random.random() < 0.7:
        return f"{number[:3]}-{number[3:5]}-{number[5:]}", ("사업자등록번호", "사업자번호", "거래처", "")
    return number, ("사업자등록번호", "사업자번호는")


def _corporate(random: Random) -> tuple[str, tuple[str, ...]]:
    number = make.company(random)
    hyphen = random.random() < 0.7
    return (f"{number[:6]}-{number[6:]}" if hyphen else number), (
        "법인등록번호",
        "법인 등록번호",
        "법인번호는",
    )


def _iban(random: Random) -> tuple[str, tuple[str, ...]]:
    number = make.iban(random)
    if random.random() < 0.5:
        return number, ("IBAN", "해외 송금", "")
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4)), ("IBAN", "수취 계좌", "")


def _vehicle(random: Random) -> tuple[str, tuple[str, ...]]:
    letter = random.choice("가나다라마거너더러머버서어저노모보오두루무우바사아자허호")
    space = random.choice(["", "", " "])
    return (
        f"{make.digits(random, random.choice([2, 3]))}{letter}{space}{make.digits(random, 4)}",
        ("차량번호", "주차 등록 차량", "업무용 차량"),
    )


def _email(random: Random) -> tuple[str, tuple[str, ...]]:
    user = random.choice(["kildong", "young.hee", "it-team", "sales_2", "a.b+news"]) + make.digits(random, 2)
    return f"{user}@{random.choice(['example.com', 'mail.example.co.kr', 'example.org'])}", (
        "이메일",
        "문의",
        "",
    )


def _ip(random: Random) -> tuple[str, tuple[str, ...]]:
    address = ".".join(str(random.randrange(1, 255)) for _ in range(4))
    if random.random() < 0.15:
        address = "2001:db8:" + ":".join(f"{random.randrange(1, 65536):x}" for _ in range(6))
    return address, ("IP 주소", "서버", "접속 IP", "host")


def _address(random: Random) -> tuple[str, tuple[str, ...]]:
    place = random.choice(
        [
            "서울특별시 중구 가온대로",
            "경기도 성남시 분당구 나래로",
            "부산광역시 해운대구 다솜3로",
            "전라남도 여수시 라온길",
            "강원도 춘천시 마루로",
        ]
    )
    number = f"{random.randrange(1, 400)}" + (f"-{random.randrange(1, 30)}" if random.random() < 0.3 else "")
    flat = f"{random.randrange(101, 130)}동 {random.randrange(101, 2500)}호"
    return f"{place} {number}, {flat}", ("주소", "거주지", "배송지", "")


def _secret(random: Random) -> tuple[str, tuple[str, ...]]:
    return fill(random, random.choice(SECRETS)), ("키", "토큰", "설정값", "")


def fill(random: Random, template: str) -> str:
    """`{N4}`: four digits; `{U4}`, `{A4}`: capitals, letters and digits; `{1..9}`: a number between."""

    def drawn(match: re.Match[str]) -> str:
        alphabet, count, least, most = match.groups()
        if alphabet:
            return "".join(random.choice(ALPHABETS[alphabet]) for _ in range(int(count)))
        return str(random.randint(int(least), int(most))).zfill(len(least))

    return re.sub(r"\{(?:([NUA])([0-9]+)|([0-9]+)\.\.([0-9]+))\}", drawn, template)


VALUES: dict[str, Callable[[Random], tuple[str, tuple[str, ...]]]] = {
    "rrn": lambda random: _rrn(random, foreigner=False),
    "foreigner": lambda random: _rrn(random, foreigner=True),
    "licence": _licence,
    "passport": _passport,
    "card": _card,
    "phone": _phone,
    "business": _business,
    "corporate": _corporate,
    "iban": _iban,
    "vehicle": _vehicle,
    "email": _email,
    "ip": _ip,
    "address": _address,
    "secret": _secret,
}
NUMERIC = frozenset({"rrn", "foreigner", "licence", "card", "phone", "business", "corporate"})


def _positive(random: Random, kind: str) -> Sample:
    value, contexts = VALUES[kind](random)
    context = random.choice(contexts)
    mutation = random.choice(["none", "none", "wide", "spaces", "invisible", "stuck", "lines", "cell"])
    if (mutation == "spaces" and "-" not in value) or (
        mutation in ("wide", "spaces") and kind not in NUMERIC
    ):
        mutation = "none"
    value = _mutated(random, value, mutation)
    before, after = _around(random, context, mutation, kind)
    filler = random.choice(FILLERS)
    head = f"{filler} {before}" if filler else before
    text = head + value + after
    return Sample(text, ((kind, len(head), len(head) + len(value)),), mutation)


def _mutated(random: Random, value: str, mutation: str) -> str:
    if mutation == "wide":
        return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in value)
    if mutation == "spaces":
        return value.replace("-", " - ")
    if mutation == "invisible":
        at = random.randrange(1, len(value))
        return value[:at] + random.choice("\u200b\u200c\u2060\ufeff\u00ad") + value[at:]
    return value


def _around(random: Random, context: str, mutation: str, kind: str) -> tuple[str, str]:
    if mutation == "stuck" and kind in NUMERIC:
        return context or "번호는", random.choice(["입니다.", "이고 확인 바랍니다.", "번으로"])
    if mutation == "lines":
        return f"{context}\n", "\n이상입니다."
    if mutation == "cell":
        return f"| {context} | ", " | 비고 |"
    joint = random.choice([" ", ": ", " : ", "- ", "("]) if context else ""
    return context + joint, ")" if joint == "(" else random.choice(["", " 입니다.", ", 확인 바랍니다.", "\n"])


def _negative(random: Random) -> Sample:
    return Sample(fill(random, random.choice(NEGATIVES)), (), "negative")
