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
    """The last signed head; size 0 before the first. `verifier` is the public key's text form.

    `keys` are all public keys in office, one a line; `replaced` the statements of replaced ones.
    """

    size: int
    root: bytes
    verifier: str
    keys: str = ""
    replaced: str = ""


class Signed(msgspec.Struct, frozen=True, tag=True):
    """The checkpoint as a signed note."""

    note: str


class Replaced(msgspec.Struct, frozen=True):
    """A new key took over after `size` entries: the statement, and that head signed by old and new."""

    size: int
    statement: str
    checkpoint: str


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The head does not extend the last one: nothing was signed."""

    reason: str


ToSealer = GetHead | Sign
FromSealer = Head | Signed | Refused
