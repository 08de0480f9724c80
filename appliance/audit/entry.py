"""An entry as the product states it, and its leaf as the tree hashes it.

A leaf is canonical JSON (RFC 8785 for our values: sorted ASCII keys, no space, integers
only, UTF-8) of at most 60 KiB. It carries the five fields of the Korean access-record rule:
who (actor), when (time), from where (origin), whose data (subject), which task. No text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from appliance.audit.actions import AuditAction
from appliance.core import Outcome, Principal, Usage

VERSION = 1
MAX_LEAF_BYTES = 60 * 1024
INDEX_BYTES = len('"index":,') + 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Everything but what the log itself adds: id, index, time, boot and commitment."""

    action: AuditAction
    actor: Principal
    outcome: Outcome
    object: str = ""
    subject: str = ""
    task: str = ""
    reason: str = ""
    rules: tuple[str, ...] = ()
    policy_revision: str = ""
    model: str = ""
    usage: Usage | None = None
    detections: Mapping[str, int] = field(default_factory=dict)
    request_id: str = ""
    guard_level: str = ""


class Actor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who, by which session or key, from which address."""

    id: str = ""
    kind: str
    credential: str = ""
    origin: str = ""


class Tokens(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: int
    completion: int
    cached: int


class Leaf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The record itself. `index` is None until the sequencer gives the entry its place.

    `salt` and `commitment` are hex: what binds a prompt or reply to its entry without holding it.
    """

    v: int
    id: str
    index: int | None = None
    time: str
    boot: str
    action: str
    actor: Actor
    outcome: str
    object: str = ""
    subject: str = ""
    task: str = ""
    reason: str = ""
    rules: tuple[str, ...] = ()
    policy: str = ""
    model: str = ""
    tokens: Tokens | None = None
    detections: dict[str, int] = {}
    request: str = ""
    guard: str = ""
    salt: str = ""
    commitment: str = ""


def state(entry: Entry, *, id: str, time: str, boot: str, salt: str = "", commitment: str = "") -> Leaf:  # noqa: A002 - the record's own field name
    """The record of `entry`, still without an index."""
    actor, usage = entry.actor, entry.usage
    return Leaf(
        v=VERSION,
        id=id,
        time=time,
        boot=boot,
        action=str(entry.action),
        actor=Actor(id=actor.user_id, kind=actor.kind, credential=actor.credential_id, origin=actor.origin),
        outcome=str(entry.outcome),
        object=entry.object,
        subject=entry.subject,
        task=entry.task,
        reason=entry.reason,
        rules=entry.rules,
        policy=entry.policy_revision,
        model=entry.model,
        tokens=None
        if usage is None
        else Tokens(
            prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=usage.cached_tokens
        ),
        detections=dict(entry.detections),
        request=entry.request_id,
        guard=entry.guard_level,
        salt=salt,
        commitment=commitment,
    )


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Leaf)


def encode(leaf: Leaf) -> bytes:
    """The one byte form of a record. ValueError when it is, or with its index would be, over 60 KiB."""
    data = _ENCODER.encode(leaf)
    if len(data) > MAX_LEAF_BYTES - (INDEX_BYTES if leaf.index is None else 0):
        raise ValueError("an audit entry has at most 60 KiB")
    return data


def decode(data: bytes) -> Leaf:
    """The record in these bytes. ValueError when they are not its canonical form."""
    try:
        leaf = _DECODER.decode(data)
        canonical = _ENCODER.encode(leaf)
    except (msgspec.MsgspecError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if canonical != data:
        raise ValueError("not in canonical form")
    return leaf
