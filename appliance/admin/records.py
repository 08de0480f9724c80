"""What the product holds about a person, for that person: shown, exported, looked-at shown too."""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, Leaf
from appliance.audit.log import AuditLog
from appliance.audit.reading import about
from appliance.chat.assistants import Assistants
from appliance.chat.attachments import Attachments
from appliance.chat.library import Library
from appliance.chat.prompts import Prompts
from appliance.core import Outcome, Principal
from appliance.identity.house import Identity
from appliance.storage.engine import Database

MOST_LOOKS = 200


@dataclass(frozen=True, slots=True)
class Held:
    """How much of each kind is held just now."""

    conversations: int
    attachments: int
    assistants: int
    prompts: int
    sessions: int
    keys: int
    passkeys: int
    second_factor: bool


class Records:
    """The service; every method is synchronous and only about the principal who asks."""

    def __init__(
        self, database: Database, audit: AuditLog, identity: Identity, library: Library,
        assistants: Assistants, prompts: Prompts, attachments: Attachments,
    ) -> None:  # fmt: skip
        self._database = database
        self._audit = audit
        self._identity = identity
        self._library = library
        self._assistants = assistants
        self._prompts = prompts
        self._attachments = attachments

    def held(self, principal: Principal) -> Held:
        """Counts for the page that says what is kept and why."""
        user_id = principal.user_id
        return Held(
            conversations=len(self._library.list(principal)),
            attachments=self._attachments.count(principal),
            assistants=len(self._assistants.own(principal)),
            prompts=len(self._prompts.own(principal)),
            sessions=len(self._identity.sessions.list(user_id)),
            keys=len(self._identity.keys.list(user_id)),
            passkeys=len(self._identity.passkeys.list(user_id)),
            second_factor=self._identity.second_factor.state(principal)[0],
        )

    def looks(self, principal: Principal) -> list[Leaf]:
        """What others did with this person's account or data, newest first."""
        return about(self._database, principal.user_id, MOST_LOOKS)

    def export(self, principal: Principal) -> bytes:
        """A zip of everything, as JSON files. Recorded; readable by whoever has the file."""
        with self._database.write() as session:
            self._audit.append(
                session,
                Entry(
                    action=AuditAction.RECORDS_EXPORTED,
                    actor=principal,
                    outcome=Outcome.ALLOWED,
                    object=f"user:{principal.user_id}",
                    subject=principal.user_id,
                    task="identity",
                ),
            )
        user_id, identity = principal.user_id, self._identity
        files: dict[str, Any] = {
            "account.json": identity.accounts.get(user_id),
            "groups.json": sorted(identity.groups.of(user_id)),
            "sessions.json": identity.sessions.list(user_id),
            "api-keys.json": identity.keys.list(user_id),
            "passkeys.json": identity.passkeys.list(user_id),
            "assistants.json": self._assistants.own(principal),
            "prompts.json": self._prompts.own(principal),
            "others-did.json": self.looks(principal),
        }
        for summary in self._library.list(principal):
            files[f"conversations/{summary.id}.json"] = self._library.open(principal, summary.id)
        for attachment_id, (attached, text) in self._attachments.own(principal).items():
            files[f"attachments/{attachment_id}.json"] = {"file": attached, "text": text}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, json.dumps(content, default=_plain, ensure_ascii=False, indent=1))
        return buffer.getvalue()


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Leaf):
        return {name: getattr(value, name) for name in ("index", "time", "action", "object", "outcome")} | {
            "actor": value.actor.id
        }
    return asdict(value)  # type: ignore[call-overload]  # every other value of ours is a dataclass
