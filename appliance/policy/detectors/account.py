"""계좌번호: every bank groups its digits in its own way, so only beside a word about banking."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.view import View, digits_of

_GROUPS = re.compile(r"(?<![0-9-])[0-9]{2,6}(?: ?- ?[0-9]{1,8}){1,3}(?![0-9-])")
_BARE = re.compile(r"(?<![0-9-])[0-9]{10,14}(?![0-9-])")
_WORDS = ("은행", "뱅크", "계좌", "예금주", "입금", "송금", "이체")
_CONTEXT = re.compile("|".join(_WORDS))
_DATE = re.compile(r"(?:19|20)[0-9]{2} ?- ?[01]?[0-9] ?- ?[0-3]?[0-9](?: ?-|$)")


def find(view: View) -> Iterator[Finding]:
    if not any(word in view.text for word in _WORDS):
        return
    for shape, level, rule in ((_GROUPS, Level.MEDIUM, "account.groups"), (_BARE, Level.LOW, "account.bare")):
        for match in view.numbers(shape, 10):
            if not 10 <= len(digits_of(match.group())) <= 14 or _DATE.match(match.group()):
                continue
            if view.near(_CONTEXT, *match.span(), before=20):
                yield Finding(Kind.ACCOUNT, level, *match.span(), rule, stars(match.group()))
