"""차량번호: two or three digits, the syllable of the car's use, four digits."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import View

_SHAPE = re.compile(
    r"[0-9](?<![0-9].)[0-9]{1,2}([가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호국합육해공])"
    r"( ?)[0-9]{4}(?![0-9])(?! ?[년억만원명개건번월])"
)
_CONTEXT = re.compile("차량|자동차|번호판|차번호|주차|렌터카|택시|승용차|화물차")
_UNITS = "조호도로부주구소고서무수하해공"  # also counters and particles: 15조 3000, 25도 2024


def find(view: View) -> Iterator[Finding]:
    for match in view.every(_SHAPE):
        named = view.near(_CONTEXT, *match.span())
        sure = named or (match.group(1) not in _UNITS)
        level = Level.HIGH if sure else Level.MEDIUM
        rule = "vehicle.context" if named else "vehicle.shape"
        yield Finding(Kind.VEHICLE, level, *match.span(), rule, stars(match.group()))
