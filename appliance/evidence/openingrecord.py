"""The record of an opening: whose key opened which sealed texts, when, and why.

It is written on the auditor's machine before the first text is shown, and brought back to the log. Each
text has a proof made with the key of its entry's commitment, which lies in the box beside the text:
who did not open it cannot write the proof, and whoever holds the conversation's key can check it.
"""

import hashlib
import hmac
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from appliance.evidence.auditor import AuditorSecret
from appliance.evidence.auditorkey import AuditorKey
from appliance.evidence.faults import N_, Unsound, unsound
from appliance.evidence.opening import OpenedText, open_texts
from appliance.evidence.record import canonical
from appliance.tlog.faults import NoteError

OPENING_FORMAT = "naesil-opening/1"
MAX_OPENING_REASON = 1000


@dataclass(frozen=True, slots=True)
class TextOpened:
    """One text of an opening, by its entry, with the proof in hex."""

    entry: int
    id: str
    proof: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What a record says. `time` is the auditor's own clock's."""

    auditor: AuditorKey
    reason: str
    time: str
    texts: tuple[TextOpened, ...]

    def proof(self, key: bytes, entry_id: str) -> str:
        """What the proof for this entry must be under the key of its commitment."""
        said = canonical({"auditor": str(self.auditor), "reason": self.reason, "time": self.time})
        return hmac.new(
            key, b"opened" + entry_id.encode() + hashlib.sha256(said).digest(), "sha256"
        ).hexdigest()


def opening_record(file: BinaryIO, secret: AuditorSecret, reason: str, time: str) -> str:
    """The record of opening an export's texts, as JSON; '' when none opens. `Unsound` without a reason.

    What is wrong with the export the opening itself tells; what opens before that is on record.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MAX_OPENING_REASON:
        raise unsound("opening-reason", N_("Say why the texts are opened: --reason is part of the record."))
    opening = Opening(secret.public, reason, time, ())
    opened = []
    with suppress(Unsound):
        for one in open_texts(file, secret):
            if isinstance(one, OpenedText):
                opened.append([one.entry, one.id, opening.proof(one.key, one.id)])
    told = {"format": OPENING_FORMAT, "auditor": str(secret.public), "reason": reason, "time": time}
    return json.dumps(told | {"texts": opened}, ensure_ascii=False, indent=1) + "\n" if opened else ""


def parse_opening(text: str) -> Opening:
    """The record in a text. ValueError when it is none."""
    try:
        told = json.loads(text)
        if told["format"] != OPENING_FORMAT:
            raise ValueError("another format")
        texts = tuple(TextOpened(*one) for one in told["texts"])
        found = Opening(AuditorKey.parse(told["auditor"]), told["reason"], told["time"], texts)
    except (NoteError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    words = [found.reason, found.time, *(word for one in texts for word in (one.id, one.proof))]
    if (
        not texts
        or any(type(one.entry) is not int for one in texts)
        or any(type(one) is not str for one in words)
    ):
        raise ValueError("a field of another kind")
    if len(found.reason) > MAX_OPENING_REASON or len(found.time) > len("2026-11-30T23:59:59Z"):
        raise ValueError("a field that is too long")
    "".join(words).encode()  # half a character is a ValueError, too
    return found
