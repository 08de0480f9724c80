"""주민등록번호 and 외국인등록번호.

Numbers issued since October 2020 have no valid check digit: it may raise confidence, never
clear a hit.
"""

import re
from collections.abc import Iterator

from appliance.policy.detectors import corporate
from appliance.policy.detectors.checks import birth_date, is_foreigner, resident_check
from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.view import View, digits_of

_SHAPE = re.compile(
    r"(?<![0-9])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"( ?[-.][ \n]?|[ \t\n])?[0-9]{7}(?![0-9])"
)
_CONTEXT = re.compile(
    "주민|생년월일|외국인|거소"
    "|등록(?<!사업자등록)(?<!법인등록)(?<!차량등록)(?<!사업자 등록)(?<!법인 등록) ?번호"
)


def find(view: View) -> Iterator[Finding]:
    for match in view.numbers(_SHAPE, 13):
        digits = digits_of(match.group())
        born = birth_date(digits)
        if born is None or born > view.today or corporate.claims(view, *match.span()):
            continue
        kind = Kind.FOREIGNER if is_foreigner(digits) else Kind.RRN
        evidence = _evidence(view, match, digits)
        level = Level.MEDIUM if evidence == "date" else Level.HIGH
        yield Finding(kind, level, *match.span(), f"{kind}.{evidence}", f"{digits[:2]}****-*******")


def _evidence(view: View, match: re.Match[str], digits: str) -> str:
    if "-" in (match.group(1) or ""):
        return "hyphen"
    if view.near(_CONTEXT, *match.span()):
        return "context"
    return "check" if resident_check(digits) else "date"
