"""An entry as the product states it, and its leaf as the tree hashes it.

A leaf is canonical JSON (RFC 8785 for our values: sorted ASCII keys, no space, integers
only, UTF-8) of at most 60 KiB. It carries the five fields of the Korean access-record rule:
who (actor), when (time), from where (origin), whose data (subject), which task. No text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.audit.actions import AuditAction
from appliance.core import Outcome, Principal, Usage

VERSION = 1
MAX_LEAF_BYTES = 60 * 1024


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

    def fields(self) -> dict[str, Any]:
        """The entry as JSON values; empty fields are left out."""
        actor = {
            "id": self.actor.user_id,
            "kind": self.actor.kind,
            "credential": self.actor.credential_id,
            "origin": self.actor.origin,
        }
        usage = self.usage
        values: dict[str, Any] = {
            "action": str(self.action),
            "actor": {name: value for name, value in actor.items() if value},
            "outcome": str(self.outcome),
            "object": self.object,
            "subject": self.subject,
            "task": self.task,
            "reason": self.reason,
            "rules": list(self.rules),
            "policy": self.policy_revision,
            "model": self.model,
            "tokens": {}
            if usage is None
            else {
                "prompt": usage.prompt_tokens,
                "completion": usage.completion_tokens,
                "cached": usage.cached_tokens,
            },
            "detections": dict(self.detections),
            "request": self.request_id,
            "guard": self.guard_level,
        }
        return {name: value for name, value in values.items() if value}


def canonical(values: Mapping[str, Any]) -> bytes:
    """The one byte form of these values. ValueError over 60 KiB or for a number that is no integer."""
    _refuse_floats(values)
    data = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if len(data) > MAX_LEAF_BYTES:
        raise ValueError("an audit entry has at most 60 KiB")
    return data


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("an audit entry holds integers only")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_floats(item)
