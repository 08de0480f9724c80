"""What the pages and the API work with: the services, handed in once by whoever starts us."""

from dataclasses import dataclass, field
from datetime import datetime

from appliance.admin.erasure import Erasure
from appliance.admin.policies import Policies
from appliance.admin.records import Records
from appliance.admin.reports import Reports
from appliance.admin.retention import RetentionJob
from appliance.audit.log import AuditLog
from appliance.audit.oversight import Oversight
from appliance.chat.assistants import Assistants
from appliance.chat.attachments import Attachments
from appliance.chat.comparing import Comparing
from appliance.chat.library import Library
from appliance.chat.prompts import Prompts
from appliance.chat.service import Chat
from appliance.chat.temporary import Temporary
from appliance.clock import Clock
from appliance.completions.pipeline import Completions
from appliance.config import Settings
from appliance.egress.proving import Attestations, Proving
from appliance.identity.accounts import Accounts
from appliance.identity.house import Identity
from appliance.identity.keys import ApiKeys
from appliance.identity.sessions import Sessions
from appliance.inference.client import InferenceClient
from appliance.inference.models import Models
from appliance.policy.gate import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Shared by every request; each service says itself from which thread it may be called.

    `setup_token_sha256` is the hex digest of the one-time setup address, None when there is none.
    """

    identity: Identity
    chat: Chat
    comparing: Comparing
    library: Library
    assistants: Assistants
    attachments: Attachments
    prompts: Prompts
    temporary: Temporary
    erasure: Erasure
    records: Records
    completions: Completions
    inference: InferenceClient
    audit: AuditLog
    oversight: Oversight
    gate: Gate
    policies: Policies
    retention: RetentionJob
    reports: Reports
    clock: Clock
    settings: Settings
    setup_token_sha256: str | None
    models: Models
    proving: Proving
    attestations: Attestations
    started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "started_at", self.clock.now())

    @property
    def accounts(self) -> Accounts:
        return self.identity.accounts

    @property
    def sessions(self) -> Sessions:
        return self.identity.sessions

    @property
    def keys(self) -> ApiKeys:
        return self.identity.keys

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over TLS, directly or through a proxy."""
        settings = self.settings
        return bool(settings.tls_cert or settings.tls_self_signed or settings.behind_proxy)
