"""운전면허번호: AA-YY-NNNNNN-CC with AA the issuing region. There is no public check digit."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import JOIN, View

_SHAPE = re.compile(
    rf"(?<![0-9])(?:1[1-9]|2[0-6]|28)({JOIN})?[0-9]{{2}}({JOIN})?[0-9]{{6}}({JOIN})?[0-9]{{2}}(?![0-9])"
)
_CONTEXT = re.compile("면허|D(?i:river'?s? licen[cs]e)|d(?i:river'?s? licen[cs]e)")


def find(view: View) -> Iterator[Finding]:
    for match in view.numbers(_SHAPE, 12):
        joins = [join or "" for join in match.groups()]
        hyphens = all("-" in join for join in joins)
        named = view.near(_CONTEXT, *match.span())
        if not hyphens and not named and not all(joins):
            continue
        level = Level.HIGH if hyphens or named else Level.MEDIUM
        rule = "licence.hyphen" if hyphens else "licence.context" if named else "licence.groups"
        yield Finding(Kind.LICENCE, level, *match.span(), rule, stars(match.group()))
