"""Masks a text while it streams: what is given out can no longer become part of a finding.

Every finding depends only on the text near it (detectors/__init__), so it is enough to keep
a little of what was already given out and to hold back a little of what came last.
"""

from bisect import bisect_left
from collections import Counter
from datetime import date

from appliance.policy.detectors.finding import CUSTOM, Finding, Kind
from appliance.policy.detectors.normalise import Normalised, normalise
from appliance.policy.detectors.own import Own
from appliance.policy.detectors.scan import candidates, on_original, resolve
from appliance.policy.detectors.secret import LONGEST_TOKEN
from appliance.policy.model import Action, Direction, Rulings

HOLD = 48  # longest finding with spaces in it, and the words behind it that count as evidence
HOLD_ADDRESS = 144  # an address is known to be one only at its number
LOOK_BACK = 72
STEP = 8  # characters to wait for before looking again
_TOKEN = "".join(map(chr, range(0x21, 0x7F)))


class StreamScanner:
    """One text in one direction. How it was cut into pieces changes nothing in the output.

    `detections` counts what was masked or blocked so far, by kind, `found` the same by detector and
    level; `warned` what only deserves a
    word. There is nobody to ask in the middle of a reply: what a rule asks about is masked. After
    a finding that a rule blocks nothing more is given out, and `blocked` holds the rule ids.
    """

    def __init__(
        self, rulings: Rulings, own: Own, today: date, direction: Direction = Direction.REPLY
    ) -> None:
        self._today = today
        self._direction = direction
        self._adopted: Rulings | None = None
        self.adopt(rulings, own)
        self._text = ""  # a little that was given out, then all that was not
        self._given = 0  # how much of it was
        self._looked = 0  # how much was left held back when it was last scanned
        self._counts: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.warned: Counter[str] = Counter()
        self.blocked: tuple[str, ...] = ()

    def adopt(self, rulings: Rulings, own: Own) -> None:
        """From now on follow these rules; what was held back so far is judged by them too."""
        if rulings is self._adopted:
            return
        self._adopted = self._rulings = rulings
        self._own = own
        self._acted = rulings.acted(self._direction)
        self._kinds = frozenset(Kind(detector.partition(":")[0]) for detector, _ in self._acted)
        hold = HOLD_ADDRESS if Kind.ADDRESS in self._kinds else HOLD
        self._hold = max(hold, own.longest + 1 if self._kinds & CUSTOM else 0)

    @property
    def detections(self) -> dict[str, int]:
        return dict(self._counts)

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown now, masked."""
        self._text += text
        held = len(self._text) - self._given
        if self.blocked or held <= self._hold or held - self._looked < max(STEP, self._looked // 8):
            return ""
        return self._advance(last=False)

    def finish(self) -> str:
        """The rest, masked. Nothing may be fed afterwards."""
        return "" if self.blocked else self._advance(last=True)

    def _advance(self, last: bool) -> str:
        normal = normalise(self._text)
        given = bisect_left(range(len(normal.text)), self._given, key=normal.start)
        found = [
            finding
            for finding in candidates(normal.text, self._today, self._own, self._kinds)
            if finding.start >= given and (finding.detector, finding.level) in self._acted
        ]
        cut = len(normal.text) if last else _settled(normal, found, self._hold)
        if cut <= given and not last:
            self._looked = len(self._text) - self._given
            return ""
        end = len(self._text) if last else normal.start(cut)
        shown = self._show([one for one in resolve(found) if one.end <= cut], normal, end)
        keep = normal.start(max(0, cut - LOOK_BACK)) if normal.text else 0
        self._text = self._text[keep:]
        self._given = end - keep
        self._looked = len(self._text) - self._given
        return shown

    def _show(self, findings: list[Finding], normal: Normalised, end: int) -> str:
        parts: list[str] = []
        position = self._given
        for finding in findings:
            original = on_original(finding, normal)
            ruling = self._rulings.of(self._direction, finding)
            if ruling.action is Action.WARN:
                self.warned[finding.type.value] += 1
                continue
            self._counts[finding.type.value] += 1
            self.found[f"{finding.detector}.{finding.level.name}"] += 1
            parts.append(self._text[position : original.start])
            position = original.end
            if ruling.action is Action.BLOCK:
                self.blocked = ruling.rules
                return "".join(parts)
            parts.append(finding.mask)
        return "".join(parts) + self._text[position:end]


def _settled(normal: Normalised, found: list[Finding], hold: int) -> int:
    """Up to where the text's findings can no longer change, whatever follows."""
    text = normal.text
    token = len(text.rstrip(_TOKEN))
    cut = min(len(text) - hold, max(token, len(text) - LONGEST_TOKEN))
    moved = True
    while moved:
        moved = False
        while cut > 0 and normal.splits(cut):
            cut -= 1
        for finding in found:
            if finding.start < cut < finding.end:
                cut, moved = finding.start, True
    return max(cut, 0)
