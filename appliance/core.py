"""Frozen values that every layer may speak of. This room imports nobody and does nothing."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """The roles every house has. policies/access.yaml may name more: a role is any text there.

    What a role may do follows from the policy alone.
    """

    ADMINISTRATOR = "administrator"
    POLICY_ADMINISTRATOR = "policy-administrator"
    AUDITOR = "auditor"
    MEMBER = "member"


class Permission(StrEnum):
    """One thing a principal may do, as `area:object:verb`."""

    CHAT_USE = "chat:conversation:use"
    TEMPORARY_USE = "chat:temporary:use"
    ASSISTANT_OWN = "chat:own-assistant:manage"
    ASSISTANT_MANAGE = "chat:assistant:manage"
    PROMPT_SHARE = "chat:prompt:share"
    API_USE = "api:completion:use"
    KEY_MANAGE_OWN = "identity:own-key:manage"
    USER_MANAGE = "identity:user:manage"
    GROUP_MANAGE = "identity:group:manage"
    SESSION_MANAGE = "identity:session:manage"
    KEY_MANAGE = "identity:key:manage"
    POLICY_READ = "policy:set:read"
    POLICY_EDIT = "policy:set:edit"
    POLICY_APPROVE = "policy:set:approve"
    POLICY_ACTIVATE = "policy:set:activate"
    RETENTION_READ = "retention:class:read"
    RETENTION_RUN = "retention:class:destroy"
    HOLD_MANAGE = "retention:hold:manage"
    MODEL_READ = "model:registry:read"
    MODEL_MANAGE = "model:registry:manage"
    EGRESS_READ = "egress:status:read"
    EGRESS_PROBE = "egress:probe:run"
    AUDIT_READ = "audit:log:read"
    AUDIT_EXPORT = "audit:log:export"
    AUDIT_REVIEW = "audit:review:sign"
    SYSTEM_READ = "system:status:read"
    QUEUE_READ = "system:queue:read"


class DataClass(StrEnum):
    """How much a text may be seen, as N2SF has it; where several meet, the highest counts."""

    OPEN = "O"
    SENSITIVE = "S"
    SECRET = "C"  # noqa: S105 - a class of data

    @property
    def rank(self) -> int:
        """The more it may hurt who sees it, the higher."""
        return tuple(DataClass).index(self)


def highest(first: DataClass, *others: DataClass) -> DataClass:
    """What a mix of these classes is."""
    return max((first, *others), key=lambda one: one.rank)


class Outcome(StrEnum):
    """How an action ended, as the audit log records it."""

    ALLOWED = "allowed"
    WARNED = "warned"
    MASKED = "masked"
    ASKED = "asked"
    BLOCKED = "blocked"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What an API key is for: models and endpoints by name. An empty set is no limit."""

    models: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()

    def allows_model(self, name: str) -> bool:
        return not self.models or name in self.models

    def allows_endpoint(self, name: str) -> bool:
        return not self.endpoints or name in self.endpoints


EVERYTHING = KeyScope()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a person in a browser session, a person's API key, or the product itself.

    `roles` and `groups` are names as policies/*.yaml use them.
    """

    user_id: str
    kind: Literal["user", "key", "system"]
    credential_id: str = ""
    origin: str = ""
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    scope: KeyScope = EVERYTHING


SYSTEM = Principal(user_id="system", kind="system")


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted on, as far as policies can tell one from another."""

    model: str = ""
    assistant: str = ""
    data_class: DataClass = DataClass.OPEN


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request cost, in tokens of the model's own vocabulary."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Decision:
    """A ruling with its reasons: enough to explain it on a page and in the log."""

    outcome: Outcome
    rules: tuple[str, ...] = ()
    reason: str = ""
    policy_revision: str = ""
    detections: dict[str, int] = field(default_factory=dict)

    @property
    def permitted(self) -> bool:
        return self.outcome in (Outcome.ALLOWED, Outcome.WARNED, Outcome.MASKED)
