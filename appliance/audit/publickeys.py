"""The log's public keys as an export carries them and `appliance audit key` prints them."""

from dataclasses import dataclass
from pathlib import Path

from appliance.egress.logfolder import read_public, read_replaced
from appliance.evidence.keys import KeyRing
from appliance.protocol.sealing import Head


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """`text`: the keys in office, verifier keys one a line; `replaced`: statements of replaced ones."""

    text: str
    replaced: str = ""

    @classmethod
    def of(cls, head: Head) -> "PublicKeys":
        """What the sealer says, who alone is sure of it."""
        return cls(head.keys or f"{head.verifier}\n", head.replaced)

    def ring(self) -> KeyRing:
        """For verifying our own log."""
        return KeyRing.parse(self.text).following(self.replaced)


def read_public_keys(keys_folder: Path) -> PublicKeys:
    """From the keys folder. ConfigError before the first start."""
    return PublicKeys(read_public(keys_folder), read_replaced(keys_folder))
