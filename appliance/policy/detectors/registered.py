"""Numbers that only their label tells apart: health insurance, military service, student."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import View

_FAMILIES = (
    (
        Kind.HEALTH_INSURANCE,
        "보험",
        re.compile("건강 ?보험|보험증"),
        re.compile(r"[0-9](?<![0-9].)-?[0-9]{10}(?![0-9])"),
    ),
    (Kind.MILITARY, "군번", re.compile("군번"), re.compile(r"[0-9](?<![0-9].)[0-9]-[0-9]{5,8}(?![0-9])")),
    (Kind.STUDENT, "학번", re.compile("학번"), re.compile(r"[0-9](?<![0-9].)[0-9]{7,9}(?![0-9])")),
)


def find(view: View) -> Iterator[Finding]:
    for kind, trigger, words, shape in _FAMILIES:
        if trigger not in view.text:
            continue
        for match in view.every(shape):
            if view.near(words, *match.span()):
                yield Finding(kind, Level.MEDIUM, *match.span(), f"{kind}.context", stars(match.group()))
