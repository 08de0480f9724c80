"""Names for personal data within one conversation: <주민번호-1> is the same number each time.

Worked out anew from the conversation's own texts, in their order: nothing is stored, and a
value has the same name whatever rule masks it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType

from appliance.policy.detectors.finding import Finding, Kind
from appliance.policy.detectors.normalise import normalise
from appliance.policy.detectors.scan import scan
from appliance.policy.model import Direction, PolicySet, Rulings

LABELS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.SECRET: "비밀값",
        Kind.RRN: "주민번호",
        Kind.FOREIGNER: "외국인번호",
        Kind.LICENCE: "면허번호",
        Kind.PASSPORT: "여권번호",
        Kind.IBAN: "IBAN",
        Kind.CARD: "카드번호",
        Kind.PHONE: "전화번호",
        Kind.BUSINESS: "사업자번호",
        Kind.CORPORATE: "법인번호",
        Kind.HEALTH_INSURANCE: "보험증번호",
        Kind.ACCOUNT: "계좌번호",
        Kind.MILITARY: "군번",
        Kind.STUDENT: "학번",
        Kind.VEHICLE: "차량번호",
        Kind.EMAIL: "이메일",
        Kind.IP: "IP주소",
        Kind.ADDRESS: "주소",
        Kind.NAME: "이름",
        Kind.TERM: "내부용어",
        Kind.PATTERN: "내부번호",
    }
)
LONGEST = max(map(len, LABELS.values())) + 8
_NAME = re.compile(r"<[가-힣A-Za-z]{2,6}-[0-9]{1,5}>")
_BETWEEN = re.compile(r"[\W_]+")


class Pseudonyms:
    """The names given so far in one conversation."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Kind, str], int] = {}
        self._counts: dict[Kind, int] = {}
        self.values: dict[str, str] = {}

    def name(self, finding: Finding, value: str) -> str:
        """The name of a value, the one it had before if it was seen before."""
        bare = value if finding.type is Kind.SECRET else _BETWEEN.sub("", normalise(value).text).lower()
        number = self._numbers.get((finding.type, bare))
        if number is None:
            number = self._counts[finding.type] = self._counts.get(finding.type, 0) + 1
            self._numbers[finding.type, bare] = number
        name = f"<{LABELS[finding.type]}-{number}>"
        self.values.setdefault(name, value)
        return name


def restorable(texts: Iterable[str], policy: PolicySet, rulings: Rulings, today: date) -> dict[str, str]:
    """The names in a conversation whose values its writer may see again, by the rules as they are now."""
    names = Pseudonyms()
    allowed: dict[str, str] = {}
    for text in texts:
        for finding in scan(text, today, policy.own):
            value = text[finding.start : finding.end]
            name = names.name(finding, value)
            if rulings.of(Direction.PROMPT, finding).restore:
                allowed.setdefault(name, value)
    return allowed


class Restorer:
    """Puts the values back into a reply for whoever wrote them, however it is cut into pieces."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown. A name that has only begun is held back."""
        if not self._values:
            return text
        text = self._held + text
        begun = text.rfind("<", max(0, len(text) - LONGEST))
        cut = begun if begun >= 0 and ">" not in text[begun:] else len(text)
        self._held = text[cut:]
        return self.whole(text[:cut])

    def finish(self) -> str:
        rest, self._held = self._held, ""
        return self.whole(rest)

    def whole(self, text: str) -> str:
        """A complete text with the values in it."""
        if not self._values or "<" not in text:
            return text
        return _NAME.sub(lambda match: self._values.get(match.group(), match.group()), text)
