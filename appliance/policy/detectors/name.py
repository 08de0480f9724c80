"""Names, only with evidence: a label before, or a title behind. Never more than MEDIUM."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.view import View

_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함"
    "변염여추도소석선설마길연위표명기반라왕금옥육인맹제모탁국은편용"
)
_ENDS = r"(?=[^가-힣]|$|입니다|이다|이고|이며|이에요|예요|님|씨)"
_LABELLED = re.compile(
    r"(?:성명|이름|예금주|신청인|환자명)(?:은|는|이|가)? {0,2}[:|=]? {0,2}"
    rf"([{_SURNAMES}][가-힣]{{1,2}}){_ENDS}"
)
_TITLE = re.compile(
    "(?:씨|님|과장|대리|부장|차장|팀장|실장|국장|계장|주임|사원|주무관|사무관|서기관|교수|환자|원장|선생|변호사|간호사)"
    "(?=[^가-힣]|$|님|께|은|는|이|가|을|를|의|에게|도|과|와|입니다|으로|로|한테)"
)
_BEFORE = re.compile(rf"(?<![가-힣])([{_SURNAMES}][가-힣]{{1,2}}) ?$")
_WORDS = """
고객 선생 부모 사장 과장 이사 부장 차장 팀장 원장 회장 소장 국장 교수 기사 주인 임원 위원
의원 장관 차관 대표 실장 계장 주임 사원 조교 형제 손님 도련 따님 아드 하느 공주 왕자 임금
성인 소아 남성 여성 응급 중증 담당 신임 전임 후임 수석 선임 책임 최고 영업 기획 인사 총무
재무 홍보 구매 지원 전략 정보 연구 개발 주치의 부교수 조교수 정교수 명예 현직 전직 한국 서울 경기
주무관 사무관 서기관 변호사 간호사
신규 입원 외래 우리 이번 모든 여러 해당
"""
_NOT_NAMES = frozenset(_WORDS.split())


def find(view: View) -> Iterator[Finding]:
    for match in view.every(_LABELLED):
        yield _finding(match, Level.MEDIUM, "name.label")
    for title in view.every(_TITLE):
        start = title.start()
        name = _BEFORE.search(view.text, max(0, start - 4), start)
        if name is not None and name.group(1).removesuffix("님") not in _NOT_NAMES:
            yield _finding(name, Level.LOW, "name.title")


def _finding(match: re.Match[str], level: Level, rule: str) -> Finding:
    name = match.group(1)
    return Finding(Kind.NAME, level, *match.span(1), rule, name[0] + "*" * (len(name) - 1))
