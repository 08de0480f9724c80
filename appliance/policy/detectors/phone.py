"""Telephone numbers: mobile ones surely, landlines less so, company numbers (15xx) not at all."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.labels import OTHER_NUMBER, any_case
from appliance.policy.detectors.view import JOIN, View

_MOBILE = re.compile(
    rf"(?<![0-9])(?:\+82(?: ?- ?| )?|0)1(?:0(?:{JOIN})?[0-9]{{4}}|[16789](?:{JOIN})?[0-9]{{3,4}})"
    rf"(?:{JOIN})?[0-9]{{4}}(?![0-9])"
)
_LANDLINE = re.compile(
    r"0(?<![0-9].)(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[2-8])(?:\) ?| ?[-.] ?| )"
    rf"[0-9]{{3,4}}{JOIN}[0-9]{{4}}(?![0-9])"
)
_CONTEXT = re.compile(f"전화|연락|휴대|핸드폰|번호는|문자|{any_case('tel phone mobile contact')}")
_SPLIT = re.compile(r"[0-9]+")


def find(view: View) -> Iterator[Finding]:
    for match in view.numbers(_MOBILE, 10):
        coded = OTHER_NUMBER.search(view.text, max(0, match.start() - 24), match.start())
        level, rule = (Level.MEDIUM, "phone.labelled") if coded else (Level.HIGH, "phone.mobile")
        yield Finding(Kind.PHONE, level, *match.span(), rule, _mask(match.group()))
    for match in view.every(_LANDLINE):
        named = view.near(_CONTEXT, *match.span())
        level = Level.MEDIUM if named else Level.LOW
        yield Finding(Kind.PHONE, level, *match.span(), "phone.landline", stars(match.group()))


def _mask(number: str) -> str:
    """The mobile prefix says nothing about a person and stays."""
    if number.startswith("+"):
        return "+82" + stars(number[3:])
    return stars(number, keep=3)
