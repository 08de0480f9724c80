"""The log's public keys as an export carries them and `appliance audit key` prints them."""

from dataclasses import dataclass
from pathlib import Path

from appliance.egress.sealer import read_verifier
from appliance.evidence.keys import KeyRing

REPLACED_FILE = "log.replaced"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """`text`: the keys in office, verifier keys one a line; `replaced`: statements of replaced ones."""

    text: str
    replaced: str = ""

    def ring(self) -> KeyRing:
        """For verifying our own log."""
        return KeyRing.parse(self.text).following(self.replaced)


def read_public_keys(keys_folder: Path) -> PublicKeys:
    """From the keys folder. ConfigError before the first start."""
    return PublicKeys(f"{read_verifier(keys_folder)}\n")
