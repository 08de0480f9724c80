"""An auditor's public key, to which texts are sealed (auditor.py). Pure form: policies name such keys."""

from dataclasses import dataclass

from appliance.tlog.faults import NoteError
from appliance.tlog.note import key_id, key_text, parse_key

AUDITOR_KIND = b"\xff"  # signed-note's byte for a kind that is named by what follows
AUDITOR_LABEL = b"naesil-hpke-x25519"
X25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class AuditorKey:
    """An auditor's public key with its name; its text form stands in audit.yaml."""

    name: str
    key: bytes

    @classmethod
    def parse(cls, text: str) -> "AuditorKey":
        """From "name+keyid+base64". NoteError when it is malformed or another kind of key."""
        name, kind, data = parse_key(text)
        if kind != AUDITOR_KIND or data[:-X25519_BYTES] != AUDITOR_LABEL:
            raise NoteError("not an auditor's public key")
        return cls(name, data[-X25519_BYTES:])

    def __str__(self) -> str:
        return key_text(self.name, AUDITOR_KIND, AUDITOR_LABEL + self.key)

    @property
    def id(self) -> str:
        return key_id(self.name, AUDITOR_KIND, AUDITOR_LABEL + self.key).hex()
