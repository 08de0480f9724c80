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
        end = _end(match)
        if end and iban_check(view.text[match.start() : end].replace(" ", "")):
            yield Finding(
                Kind.IBAN, Level.HIGH, match.start(), end, "iban.check", stars(view.text[match.start() : end])
            )


def _end(match: re.Match[str]) -> int:
    """Where the country's number ends; 0 when it is too short or goes on."""
    text = match.string
    wanted, position = _LENGTHS.get(match.group()[:2], 0), match.start()
    while wanted and position < match.end():
        wanted -= text[position] != " "
        position += 1
        if not wanted:
            return 0 if "0" <= text[position : position + 1] <= "9" else position
    return 0
