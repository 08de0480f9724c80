"""Telephone numbers: mobile ones surely, landlines less so, company numbers (15xx) not at all.

Mobile numbers also as they are written with brackets, dialled from abroad or spelt in syllables.
"""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.labels import OTHER_NUMBER, any_case
from appliance.policy.detectors.view import JOIN, View

_ABROAD = r"(?:\+82|0082)(?: ?- ?| )?|(?<=82\(0\))|(?<=82 \(0\))"
_MOBILE = re.compile(
    rf"(?<![0-9])(?:{_ABROAD}|0)1(?:0(?:{JOIN})?[0-9]{{4}}|[16789](?:{JOIN})?[0-9]{{3,4}})"
    rf"(?:{JOIN})?[0-9]{{4}}(?![0-9])"
)
_BRACKETS = re.compile(rf"0(?<![0-9].)1[016-9]\) ?[0-9]{{3,4}}{JOIN}[0-9]{{4}}(?![0-9])")
_SYLLABLE = "[공영일이삼사오육륙칠팔구]"
_SPELT = re.compile(rf"[공영]일[공영][ -]{{0,2}}(?:{_SYLLABLE}[ -]{{0,2}}){{7}}{_SYLLABLE}")
_SPELT_BEGIN = ("일공", "일영")
_LANDLINE = re.compile(
    r"0(?<![0-9].)(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[2-8])(?:\) ?| ?[-.] ?| )"
    rf"[0-9]{{3,4}}{JOIN}[0-9]{{4}}(?![0-9])"
)
_CONTEXT = re.compile(f"전화|연락|휴대|핸드폰|번호는|문자|{any_case('tel phone mobile contact')}")


def find(view: View) -> Iterator[Finding]:
    for match in view.numbers(_MOBILE, 10):
        coded = OTHER_NUMBER.search(view.text, max(0, match.start() - 24), match.start())
        level, rule = (Level.MEDIUM, "phone.labelled") if coded else (Level.HIGH, "phone.mobile")
        yield Finding(Kind.PHONE, level, *match.span(), rule, _mask(match.group()))
    if ")" in view.text:
        for match in view.every(_BRACKETS):
            yield Finding(Kind.PHONE, Level.HIGH, *match.span(), "phone.mobile", _mask(match.group()))
    if any(begin in view.text for begin in _SPELT_BEGIN):
        for match in view.every(_SPELT):
            yield Finding(Kind.PHONE, Level.MEDIUM, *match.span(), "phone.spelt", stars(match.group()))
    for match in view.every(_LANDLINE):
        named = view.near(_CONTEXT, *match.span())
        level = Level.MEDIUM if named else Level.LOW
        yield Finding(Kind.PHONE, level, *match.span(), "phone.landline", stars(match.group()))


def _mask(number: str) -> str:
    """The mobile prefix says nothing about a person and stays."""
    for abroad in ("+82", "0082"):
        if number.startswith(abroad):
            return abroad + stars(number[len(abroad) :])
    return stars(number, keep=3)
