"""Masks a text while it streams: what is given out can no longer become part of a finding.

Every finding depends only on the text near it (detectors/__init__), so it is enough to keep
a little of what was already given out and to hold back a little of what came last.
"""

from bisect import bisect_left
from collections import Counter
from datetime import date

from appliance.policy.detectors.finding import Finding, Kind
from appliance.policy.detectors.normalise import Normalised, normalise
from appliance.policy.detectors.scan import candidates, on_original, resolve
from appliance.policy.detectors.secret import LONGEST_TOKEN
from appliance.policy.model import Action, Direction, PolicySet

HOLD = 48  # longest finding with spaces in it, and the words behind it that count as evidence
HOLD_ADDRESS = 144  # an address is known to be one only at its number
LOOK_BACK = 72
STEP = 8  # characters to wait for before looking again
_TOKEN = "".join(map(chr, range(0x21, 0x7F)))


class StreamScanner:
    """One text in one direction. How it was cut into pieces changes nothing in the output.

    `detections` counts what was masked or blocked so far, by kind. After a finding that a rule
    blocks nothing more is given out, and `blocked` holds the rule ids.
    """

    def __init__(self, policy: PolicySet, today: date, direction: Direction = Direction.REPLY) -> None:
        self._policy = policy
        self._today = today
        self._direction = direction
        self._acted = {
            (kind, level)
            for (way, kind, level), (action, _) in policy.rulings.items()
            if way is direction and action is not Action.ALLOW
        }
        self._kinds = frozenset(kind for kind, _ in self._acted)
        self._hold = max(HOLD_ADDRESS if Kind.ADDRESS in self._kinds else HOLD, policy.dictionary.longest + 1)
        self._text = ""  # a little that was given out, then all that was not
        self._given = 0  # how much of it was
        self._looked = 0  # how much was left held back when it was last scanned
        self._counts: Counter[str] = Counter()
        self.blocked: tuple[str, ...] = ()

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
            for finding in candidates(normal.text, self._today, self._policy.dictionary, self._kinds)
            if finding.start >= given and (finding.type, finding.level) in self._acted
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
            action, rules = self._policy.ruling(self._direction, finding)
            self._counts[finding.type.value] += 1
            parts.append(self._text[position : original.start])
            position = original.end
            if action is Action.BLOCK:
                self.blocked = rules
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
