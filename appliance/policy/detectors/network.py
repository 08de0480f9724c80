"""IPv4 addresses. Version numbers look the same, so only a word beside one makes it sure."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.labels import any_case
from appliance.policy.detectors.view import View

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# From the first dot on, because dots are rarer than digits; what stands before it comes afterwards.
_REST = re.compile(rf"\.{_OCTET}\.{_OCTET}\.{_OCTET}(?![0-9])(?!\.[0-9])")
_FIRST = re.compile(r"(?<![0-9.])[0-9]{1,3}$")
_DOTS = 3
_CONTEXT = re.compile(
    "아이피|서버|접속|호스트|게이트웨이|"
    + any_case("ip host server ping ssh gateway dns", behind="[A-Za-z]", ahead="[A-Za-z]")
)
_VERSION = re.compile(
    rf"버전|펌웨어|릴리스|빌드|(?:{any_case('version ver firmware release build v')}) ?[.:]? ?$"
)


def find(view: View) -> Iterator[Finding]:
    if view.text.count(".") < _DOTS:
        return
    text = view.text
    for rest in view.every(_REST):
        first = _FIRST.search(text, max(0, rest.start() - 4), rest.start())
        if first is None or int(first.group()) > 255:
            continue
        start, end = first.start(), rest.end()
        if _VERSION.search(text, max(0, start - 12), start):
            continue
        named = view.near(_CONTEXT, start, end)
        level, rule = (Level.HIGH, "ip.context") if named else (Level.MEDIUM, "ip.shape")
        yield Finding(Kind.IP, level, start, end, rule, stars(text[start:end]))
