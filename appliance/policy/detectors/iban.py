"""International bank account numbers (ISO 13616), by the length each country registered."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.checks import iban_check
from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import View

_REGISTERED = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29
ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25
QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
"""
_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _REGISTERED.split()}
_SHAPE = re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z][0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?")


def find(view: View) -> Iterator[Finding]:
    for match in view.every(_SHAPE):
        number = _number(match)
        if number and iban_check(number.replace(" ", "")):
            start = match.start()
            yield Finding(Kind.IBAN, Level.HIGH, start, start + len(number), "iban.check", stars(number))


def _number(match: re.Match[str]) -> str:
    """As much as the country's numbers have; nothing when it is too short or goes on."""
    whole = match.group()
    wanted = _LENGTHS.get(whole[:2], 0)
    number = whole[:wanted] if " " not in whole else _counted(whole, wanted)
    if not wanted or len(number) < wanted:
        return ""
    follows = match.string[match.start() + len(number) :][:1]
    return "" if "0" <= follows <= "9" else number


def _counted(text: str, wanted: int) -> str:
    """The shortest beginning with so many characters that are no spaces; nothing when there is none."""
    end = wanted
    while end <= len(text) and (missing := wanted - end + text.count(" ", 0, end)):
        end += missing
    return text[:end] if end <= len(text) else ""
