"""Addresses: a road or lot number behind the names of its places. With a flat number it is a home."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.view import View

_LONGEST_BEFORE = 48
_PLACES = r"(?:[가-힣]{1,7}(?:시|도|군|구|읍|면) ){1,4}"
_NUMBER = re.compile(r"[로길동리가] ?(?:지하 ?)?[0-9]{1,4}(?:-[0-9]{1,4})?(?![0-9])")
_ROAD = re.compile(
    rf"(?<![가-힣]){_PLACES}(?:[가-힣0-9]{{1,12}}[로길] ?[0-9]{{1,4}}번?)?[가-힣0-9]{{0,12}}[로길]$"
)
_LOT = re.compile(rf"(?<![가-힣]){_PLACES}[가-힣0-9]{{1,8}}[동리가]$")
_REST = re.compile(r"(?:번길 ?[0-9]{1,4}(?:-[0-9]{1,4})?)?(?: ?번지)?")
_FLAT = re.compile(
    r"(?:,? ?\(?[가-힣A-Za-z0-9]{1,15}\)?){0,2}?,? ?(?:[0-9A-Za-z가-힣]{1,4}동 ?)?"
    r"(?:[0-9]{1,2}층 ?)?[0-9]{1,5}호(?![선기차봉])"
)
_DIGIT = re.compile("[0-9]")


def find(view: View) -> Iterator[Finding]:
    text = view.text
    for match in view.every(_NUMBER):
        before = match.start() + 1
        places = (_LOT if text[match.start()] in "동리가" else _ROAD).search(
            text, max(0, before - _LONGEST_BEFORE), before
        )
        if places is None:
            continue
        rest = _REST.match(text, match.end())
        end = rest.end() if rest else match.end()
        flat = _FLAT.match(text, end)
        end = flat.end() if flat else end
        level, rule = (Level.HIGH, "address.flat") if flat else (Level.MEDIUM, "address.number")
        yield Finding(
            Kind.ADDRESS, level, places.start(), end, rule, _DIGIT.sub("*", text[places.start() : end])
        )
