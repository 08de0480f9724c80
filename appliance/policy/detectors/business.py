"""사업자등록번호: three, two and five digits with a check digit that can be relied on."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.checks import business_check
from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import JOIN, View, digits_of

_SHAPE = re.compile(rf"(?<![0-9])[1-9][0-9]{{2}}({JOIN})?[0-9]{{2}}({JOIN})?[0-9]{{5}}(?![0-9])")
_CONTEXT = re.compile("사업자|B(?i:usiness registration)|b(?i:usiness registration)")


def find(view: View) -> Iterator[Finding]:
    for match in view.numbers(_SHAPE, 10):
        digits = digits_of(match.group())
        if digits < "101" or digits[3:5] == "00" or digits[5:9] == "0000":
            continue
        judged = _judge(view, match, business_check(digits))
        if judged is not None:
            yield Finding(Kind.BUSINESS, judged[0], *match.span(), judged[1], stars(match.group()))


def _judge(view: View, match: re.Match[str], checked: bool) -> tuple[Level, str] | None:
    hyphens = all("-" in (join or "") for join in match.groups())
    if checked and hyphens:
        return Level.HIGH, "business.hyphen"
    named = view.near(_CONTEXT, *match.span())
    if checked and named:
        return Level.HIGH, "business.context"
    if hyphens and named:
        return Level.MEDIUM, "business.unchecked"
    return None
