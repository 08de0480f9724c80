"""IPv4 addresses. Version numbers look the same, so only a word beside one makes it sure."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import View

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_SHAPE = re.compile(rf"[0-9](?<![0-9.].)[0-9]{{0,2}}(?:\.{_OCTET}){{3}}(?![0-9])(?!\.[0-9])")
_DOTS = 3
_CONTEXT = re.compile(
    "아이피|서버|접속|호스트|게이트웨이|(?<![A-Za-z])(?i:ip|host|server|ping|ssh|gateway|dns)(?![A-Za-z])"
)
_VERSION = re.compile("버전|펌웨어|릴리스|빌드|(?i:version|ver|firmware|release|build|v) ?[.:]? ?$")


def find(view: View) -> Iterator[Finding]:
    if view.text.count(".") < _DOTS:
        return
    for match in view.every(_SHAPE):
        if int(match.group().partition(".")[0]) > 255:
            continue
        if _VERSION.search(view.text, max(0, match.start() - 12), match.start()):
            continue
        named = view.near(_CONTEXT, *match.span())
        level, rule = (Level.HIGH, "ip.context") if named else (Level.MEDIUM, "ip.shape")
        yield Finding(Kind.IP, level, *match.span(), rule, stars(match.group()))
