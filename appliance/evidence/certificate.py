"""A certificate of destruction as one file: what the log recorded of the act, with the proof of the entry.

The words on top repeat the entry for the eye; the verifier compares them with what was signed.
"""

import json

from appliance.evidence.record import Record

CERTIFICATE = "naesil-certificate/1"
DESTRUCTIONS = frozenset(
    {
        "retention:subject:destroy",
        "retention:class:destroy",
        "chat:conversation:destroy",
        "identity:user:delete",
    }
)
SHOWN = ("action", "object", "subject", "time", "outcome", "reason")


def certificate(record: Record, proof: str) -> str:
    """The file. ValueError for an entry of anything but a destruction."""
    return json.dumps(stated(record) | {"proof": proof}, ensure_ascii=False, indent=1) + "\n"


def stated(record: Record) -> dict[str, str]:
    """What the file says of the entry. ValueError as above."""
    if record["action"] not in DESTRUCTIONS or record["outcome"] != "allowed":
        raise ValueError("the entry is not of a destruction")
    shown = {name: str(record.get(name, "")) for name in SHOWN}
    return {"format": CERTIFICATE, **shown, "actor": str(record["actor"].get("id", ""))}
