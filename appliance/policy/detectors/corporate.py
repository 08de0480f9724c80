"""법인등록번호: same shape as a resident number, so it must prove that it is not one."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.checks import birth_date, corporate_check, resident_check
from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import Thirteen, View

PERSON = re.compile("주민|생년월일|외국인")
_CORPORATE = re.compile("법인")
_OTHER_JOINS = ("\t", "\n")  # only people's numbers are looked for over two lines or cells
_SEOUL = "1101"


def find(view: View) -> Iterator[Finding]:
    for number in view.thirteens:
        start, end, join, digits = number
        if join in _OTHER_JOINS or not claims(view, number):
            continue
        hyphen = "-" in join
        named = view.near(_CORPORATE, start, end)
        sure = named or (hyphen and _from_a_registry(digits))
        level = Level.HIGH if sure else Level.MEDIUM
        rule = "corporate.context" if named else "corporate.hyphen" if hyphen else "corporate.check"
        yield Finding(Kind.CORPORATE, level, start, end, rule, stars(view.text[start:end]))


def claims(view: View, number: Thirteen) -> bool:
    """Whether the 13 digits there are a company's and not a person's.

    Its own check holds, the resident check fails, and nobody speaks of a person. Where the
    digits also spell a birth date and nobody speaks of a company, the serial must look like
    a registry's too: newer resident numbers pass this check by chance once in ten times.
    """
    start, end, _, digits = number
    if not corporate_check(digits) or resident_check(digits) or view.near(PERSON, start, end):
        return False
    if birth_date(digits) is None or view.near(_CORPORATE, start, end):
        return True
    return _from_a_registry(digits)


def _from_a_registry(digits: str) -> bool:
    """Registry offices have codes from 11 to 28; only Seoul's has given out 100,000 serials of a kind."""
    return "11" <= digits[:2] <= "28" and (digits[6] == "0" or digits.startswith(_SEOUL))
