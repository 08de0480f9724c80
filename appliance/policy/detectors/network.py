"""IP addresses. Version numbers look like those of IPv4, so only a word beside one makes it sure.

Of IPv6 (RFC 4291) what begins with four digits, as all addresses do that lead somewhere: shorter
beginnings are names in programs ("a::b").
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.labels import any_case
from appliance.policy.detectors.view import View

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# From the first dot on, because dots are rarer than digits; what stands before it comes afterwards.
_REST = re.compile(rf"\.{_OCTET}\.{_OCTET}\.{_OCTET}(?![0-9])(?!\.[0-9])")
_FIRST = re.compile(r"(?<![0-9.])[0-9]{1,3}$")
_SIX_REST = re.compile(r":(?:[0-9A-Fa-f]{0,4}:){1,6}(?:[0-9A-Fa-f]{1,4})?(?![0-9A-Za-z:])")
_SIX_FIRST = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{4}$")
_DOTS, _COLONS = 3, 2
_CONTEXT = re.compile(
    "아이피|서버|접속|호스트|게이트웨이|"
    + any_case("ip host server ping ssh gateway dns", behind="[A-Za-z]", ahead="[A-Za-z]")
)
_VERSION = re.compile(
    rf"버전|펌웨어|릴리스|빌드|(?:{any_case('version ver firmware release build v')}) ?[.:]? ?$"
)


def find(view: View) -> Iterator[Finding]:
    for start, end in (*_four(view.text, view), *_six(view.text, view)):
        named = view.near(_CONTEXT, start, end)
        level, rule = (Level.HIGH, "ip.context") if named else (Level.MEDIUM, "ip.shape")
        yield Finding(Kind.IP, level, start, end, rule, stars(view.text[start:end]))


def _four(text: str, view: View) -> Iterator[tuple[int, int]]:
    if text.count(".") < _DOTS:
        return
    for rest in view.every(_REST):
        first = _FIRST.search(text, max(0, rest.start() - 4), rest.start())
        if first is None or int(first.group()) > 255:
            continue
        if not _VERSION.search(text, max(0, first.start() - 12), first.start()):
            yield first.start(), rest.end()


def _six(text: str, view: View) -> Iterator[tuple[int, int]]:
    if text.count(":") < _COLONS:
        return
    for rest in view.every(_SIX_REST):
        first = _SIX_FIRST.search(text, max(0, rest.start() - 4), rest.start())
        if first is None:
            continue
        try:
            IPv6Address(text[first.start() : rest.end()])
        except AddressValueError:
            continue
        yield first.start(), rest.end()
