"""The frames between web and sealer: one question, one answer, in order."""

import msgspec


class GetHead(msgspec.Struct, frozen=True, tag=True):
    """What is the last head you signed?"""


class Sign(msgspec.Struct, frozen=True, tag=True):
    """Sign this head; `proof` shows that it extends the last one you signed."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]


class Head(msgspec.Struct, frozen=True, tag=True):
    """The last signed head; size 0 before the first. `verifier` is the public key's text form."""

    size: int
    root: bytes
    verifier: str


class Signed(msgspec.Struct, frozen=True, tag=True):
    """The checkpoint as a signed note."""

    note: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The head does not extend the last one: nothing was signed."""

    reason: str


ToSealer = GetHead | Sign
FromSealer = Head | Signed | Refused
