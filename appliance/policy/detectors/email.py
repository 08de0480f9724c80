"""E-mail addresses: the usual subset of RFC 5322, found from the @ outwards."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.view import View

_DOMAIN = re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![A-Za-z])")
_LOCAL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}$")


def find(view: View) -> Iterator[Finding]:
    if "@" not in view.text:
        return
    for match in view.every(_DOMAIN):
        local = _LOCAL.search(view.text, max(0, match.start() - 64), match.start())
        if local is not None:
            yield Finding(Kind.EMAIL, Level.HIGH, local.start(), match.end(), "email.shape", "****@****")
