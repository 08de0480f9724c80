"""주민등록번호 and 외국인등록번호.

Numbers issued since October 2020 have no valid check digit: it may raise confidence, never
clear a hit.
"""

import re
from collections.abc import Iterator

from appliance.policy.detectors import corporate
from appliance.policy.detectors.checks import birth_date, is_foreigner, resident_check
from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.labels import any_case
from appliance.policy.detectors.view import Thirteen, View

_CONTEXT = re.compile(
    "주민|생년월일|외국인|거소"
    "|등록(?<!사업자등록)(?<!법인등록)(?<!차량등록)(?<!사업자 등록)(?<!법인 등록) ?번호|"
    + any_case("rrn resident", behind="[A-Za-z]")
)


def find(view: View) -> Iterator[Finding]:
    for number in view.thirteens:
        start, end, _, digits = number
        born = birth_date(digits)
        if born is None or born > view.today or corporate.claims(view, number):
            continue
        kind = Kind.FOREIGNER if is_foreigner(digits) else Kind.RRN
        evidence = _evidence(view, number)
        level = Level.MEDIUM if evidence == "date" else Level.HIGH
        yield Finding(kind, level, start, end, f"{kind}.{evidence}", f"{digits[:2]}****-*******")


def _evidence(view: View, number: Thirteen) -> str:
    if "-" in number.join:
        return "hyphen"
    if view.near(_CONTEXT, number.start, number.end):
        return "context"
    return "check" if resident_check(number.digits) else "date"
