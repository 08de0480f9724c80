"""What signs the log: an Ed25519 key and, where it was wanted, an ML-DSA-44 key, made from one seed.

The second seed is derived (HKDF, RFC 5869), so that one secret file is all there is to guard. Who
breaks Ed25519 learns its scalar, which is a hash of the seed, and not the seed.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.evidence.rotation import LogKeys
from appliance.tlog.cosign import ML_DSA_44_COSIGNATURE, Cosigner
from appliance.tlog.note import Checkpoint, Signer

SECOND = b"naesil log ml-dsa-44"
SEED_BYTES = 32


class LogKey:
    """The private keys of a log under its name."""

    def __init__(self, name: str, seed: bytes, *, second: bool = False) -> None:
        self._first = Signer(name, seed)
        self._second = Cosigner(name, _second_seed(seed), ML_DSA_44_COSIGNATURE) if second else None
        self.public = LogKeys(self._first.verifier, self._second.public if self._second else None)

    def checkpoint(self, size: int, root: bytes, time: int) -> str:
        """The signed note of this head. `time` in POSIX seconds is in the second signature alone."""
        text = Checkpoint(self.public.first.name, size, root).text()
        return self._first.sign(text) + (self._second.cosign(text, time).line() if self._second else "")

    def attest(self, text: str) -> str:
        """The signed note of an attestation, which is checked with the first key alone."""
        return self._first.sign(text)

    def state(self, text: str) -> str:
        """The signed note of any other text."""
        return self._first.sign(text) + (self._second.state(text).line() if self._second else "")


def below(note: str, other: str) -> str:
    """A note with the signature lines of another note of the same text below its own."""
    return note + other.partition("\n\n")[2]


def _second_seed(seed: bytes) -> bytes:
    return HKDF(hashes.SHA256(), SEED_BYTES, None, SECOND).derive(seed)
