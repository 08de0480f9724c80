"""Payment cards: ISO/IEC 7812 numbers with a Luhn digit, grouped as on the plastic or beside evidence."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.checks import luhn
from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.labels import OTHER_NUMBER, any_case
from appliance.policy.detectors.view import JOIN, View, digits_of

_GROUPS = re.compile(
    rf"(?<![0-9])(?:[3-69][0-9]{{3}}{JOIN}[0-9]{{4}}{JOIN}[0-9]{{4}}{JOIN}[0-9]{{1,4}}(?:{JOIN}[0-9]{{1,3}})?"
    rf"|3[0-9]{{3}}{JOIN}[0-9]{{6}}{JOIN}[0-9]{{4,5}})(?![0-9])"
)
_BARE = re.compile(r"(?<![0-9])[3-69][0-9]{12,18}(?![0-9])")
_CONTEXT = re.compile(f"카드|결제|신용|체크|{any_case('card visa master amex')}")
# Who issues: Visa, Mastercard, American Express, Diners Club, JCB, Discover, UnionPay, by length.
_ISSUER = re.compile(
    r"(?:4[0-9]{15}|5[1-5][0-9]{14}|3[47][0-9]{13}|3[68][0-9]{12}|35[2-8][0-9]{13}|6(?:011|5[0-9]{2})[0-9]{12}|62[0-9]{14})$"
)


def find(view: View) -> Iterator[Finding]:
    for match in view.numbers(_GROUPS, 14):
        digits = digits_of(match.group())
        if len(digits) >= 14 and luhn(digits):
            yield Finding(Kind.CARD, Level.HIGH, *match.span(), "card.groups", stars(match.group()))
    for match in view.numbers(_BARE, 13):
        level, rule = _judge(view, match)
        if rule and luhn(match.group()):
            yield Finding(Kind.CARD, level, *match.span(), rule, stars(match.group()))


def _judge(view: View, match: re.Match[str]) -> tuple[Level, str]:
    if view.near(_CONTEXT, *match.span()):
        return Level.HIGH, "card.context"
    if not _ISSUER.match(match.group()):
        return Level.LOW, ""
    coded = OTHER_NUMBER.search(view.text, max(0, match.start() - 24), match.start())
    return (Level.MEDIUM, "card.labelled") if coded else (Level.HIGH, "card.issuer")
