"""Files that a person attaches: read in an extractor, kept as sealed text, sent with a question.

Only the text is kept, sealed. A file that is not sent within a day is forgotten.
"""

import asyncio
import hashlib
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.chat import attachment_store as store
from appliance.chat import store as conversations
from appliance.chat.enclosing import FILES_SHARE, Enclosed, File, fit
from appliance.chat.filing import Filing
from appliance.chat.values import Attached
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, LimitReached, NotFound, TooLarge, Unavailable
from appliance.ids import new_id
from appliance.inference.client import InferenceClient
from appliance.policy.active import ActivePolicy
from appliance.protocol.extraction import Extracted, Refused
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

Reads = Callable[[str, bytes], Awaitable[Extracted | Refused]]
"""A file by name and bytes becomes its text, or why there is none."""

LONGEST_NAME = 200
LONGEST_GIVEN = 2_000  # letters in pieces; composing a name of a megabyte could take minutes
MOST_WAITING = 50  # files of one person that are not sent yet
KEPT_UNSENT = timedelta(days=1)
SAMPLE = 2_000  # characters, three times, tell how many tokens a text takes
GUESS = 1.0  # tokens a character, where no model can tell

REFUSALS = {
    "encrypted": N_("%(name)s is protected by a password or DRM. Attach a copy without protection."),
    "damaged": N_("%(name)s is damaged, or not what it says it is. Open it, save it anew and try again."),
    "too_big": N_("%(name)s unpacks to more than can be read. Attach the part that matters."),
    "unknown": N_(
        "%(name)s is of a kind that is not read here. Text, Markdown, CSV, code, PDF, DOCX, XLSX, PPTX, HWPX "
        "and HWP are."
    ),
    "old_format": N_("%(name)s has an old format. Save it as DOCX, XLSX, PPTX, HWPX or PDF."),
    "empty": N_("%(name)s has no text in it. Pictures and scanned pages are not read."),
    "slow": N_("%(name)s took too long to read. Attach the part that matters."),
    "failed": N_(
        "%(name)s could not be read: it takes too much time or memory. Attach the part that matters."
    ),
}


class Attachments:
    """The service. Synchronous methods are one short transaction each and belong in the thread pool."""

    def __init__(
        self, database: Database, vault: Vault, audit: AuditLog, clock: Clock, policy: ActivePolicy,
        inference: InferenceClient, read: Reads,
    ) -> None:  # fmt: skip
        self._database = database
        self._filing = Filing(vault)
        self._audit = audit
        self._clock = clock
        self._policy = policy
        self._inference = inference
        self._read = read

    def limits(self, principal: Principal) -> tuple[int, int]:
        """(bytes of one file, files beside one question)."""
        limit = self._policy.current.limits_for(principal)
        return limit.attachment_bytes, limit.attachments

    def check_room(self, principal: Principal, conversation_id: str | None) -> None:
        """Before a file is taken: LimitReached when there are enough, NotFound without the conversation."""
        with self._database.read() as session:
            _require(session, principal, conversation_id)
            here = len(store.waiting(session, principal.user_id, conversation_id))
            everywhere = store.count(session, principal.user_id, sent=False)
        if here >= self.limits(principal)[1] or everywhere >= MOST_WAITING:
            raise LimitReached(
                N_("No more files can be attached here. Send the question first, or remove one."),
                retry_after=1,
                field="file",
            )

    def too_large(self, principal: Principal, name: str) -> TooLarge:
        """The error for a file with more bytes than this person may attach; it is recorded."""
        most = self.limits(principal)[0]
        self._refuse(principal, "too_large")
        return TooLarge(
            N_("%(name)s is larger than %(limit)s MB. Attach the part that matters."),
            field="file",
            name=shown_name(name),
            limit=f"{most / 1_000_000:.3g}",
        )

    async def add(
        self, principal: Principal, conversation_id: str | None, name: str, data: bytes
    ) -> Attached:
        """Read a file and keep its text for the next question here.

        Raises InvalidInput with the reason when it cannot be read, Unavailable when nobody reads just now.
        """
        name = shown_name(name)
        found = await self._read(name, data)
        if isinstance(found, Refused):
            await asyncio.to_thread(self._refuse, principal, found.reason)
            raise InvalidInput(REFUSALS[found.reason], field="file", name=name)
        return await asyncio.to_thread(self._keep, principal, conversation_id, name, found, data)

    def waiting(self, principal: Principal, conversation_id: str | None) -> tuple[Attached, ...]:
        """What is attached here and not sent yet, the oldest first."""
        with self._database.read() as session:
            rows = store.waiting(session, principal.user_id, conversation_id)
            return tuple(self._filing.attached(session, row) for row in rows)

    def remove(self, principal: Principal, attachment_id: str) -> str | None:
        """Forget a file that is not sent; the conversation it waited in. NotFound for every other."""
        with self._database.write() as session:
            row = store.waiting_one(session, principal.user_id, attachment_id)
            if row is None:
                raise _gone(NotFound)
            session.delete(row)
            self._audit.append(session, _entry(AuditAction.ATTACHMENT_REMOVED, principal, row))
            return row.conversation_id

    def remove_stale(self) -> int:
        """Forget what waited for a day; how many files that were."""
        before = self._clock.now() - KEPT_UNSENT
        with self._database.read() as session:
            if not store.stale(session, before):
                return 0
        with self._database.write() as session:
            rows = store.stale(session, before)
            for row in rows:
                session.delete(row)
                self._audit.append(session, _entry(AuditAction.ATTACHMENT_REMOVED, SYSTEM, row))
        return len(rows)

    def count(self, principal: Principal) -> int:
        with self._database.read() as session:
            return store.count(session, principal.user_id)

    def own(self, principal: Principal) -> dict[str, tuple[Attached, str]]:
        """Everything of this person with its text, by id."""
        with self._database.read() as session:
            return {
                row.id: (
                    self._filing.attached(session, row),
                    "\n".join(self._filing.opened(session, row).texts),
                )
                for row in store.of(session, principal.user_id)
            }

    async def fitted(
        self, principal: Principal, conversation_id: str | None, ids: Sequence[str]
    ) -> tuple[Enclosed, ...]:
        """These files, each with as much as the model can take beside the rest of the conversation.

        Conflict when one of them does not wait here any more.
        """
        if not ids:
            return ()
        files = await asyncio.to_thread(self._waiting_files, principal, conversation_id, ids)
        rates = [await self._rate("".join(file.texts)) for file in files]
        return fit(files, rates, self._context(principal) // FILES_SHARE)

    def send_in(
        self, session: Session, principal: Principal, conversation_id: str, files: Sequence[Enclosed]
    ) -> None:
        """From now on they belong to this conversation. In the caller's transaction; Conflict as above."""
        rows = store.named(session, principal.user_id, [one.file.id for one in files])
        for one in files:
            row = rows.get(one.file.id)
            if row is None or (row.sent and row.conversation_id != conversation_id):
                raise _gone(Conflict)
            self._filing.move(session, row, conversation_id)
            row.sent = True

    def _context(self, principal: Principal) -> int:
        """Tokens that prompt and answer may have together."""
        model = self._inference.model or self._inference.awaited
        n_ctx = model.n_ctx if model else 0
        return min(n_ctx, self._policy.current.limits_for(principal).context or n_ctx)

    def _waiting_files(
        self, principal: Principal, conversation_id: str | None, ids: Sequence[str]
    ) -> list[File]:
        if len(ids) > self.limits(principal)[1]:
            raise InvalidInput(N_("There are too many files beside this question."), field="attachments")
        with self._database.read() as session:
            rows = {row.id: row for row in store.waiting(session, principal.user_id, conversation_id)}
            if any(one not in rows for one in ids) or len(set(ids)) != len(ids):
                raise _gone(Conflict)
            return [self._filing.opened(session, rows[one]) for one in ids]

    async def _rate(self, text: str) -> float:
        """Tokens a character of this text takes in the loaded model."""
        middle = max(0, len(text) // 2 - SAMPLE // 2)
        samples = [text[:SAMPLE], text[middle : middle + SAMPLE], text[-SAMPLE:]]
        sample = text if len(text) <= SAMPLE * len(samples) else "".join(samples)
        with suppress(Unavailable):
            return max(0.01, len(await self._inference.tokenize(sample)) / max(1, len(sample)))
        return GUESS

    def _keep(
        self, principal: Principal, conversation_id: str | None, name: str, found: Extracted, data: bytes
    ) -> Attached:
        digest = hashlib.sha256(data).hexdigest()
        shape = f"{found.kind}, {len(data)} bytes, {found.total} {found.unit or 'text'}"
        with self._database.write() as session:
            _require(session, principal, conversation_id)
            row = store.AttachmentRow(
                id=new_id(),
                user_id=principal.user_id,
                conversation_id=conversation_id,
                sent=False,
                size=len(data),
                created_at=self._clock.now(),
            )
            self._filing.seal(session, row, name, found, digest)
            session.add(row)
            self._audit.append(session, _entry(AuditAction.ATTACHMENT_ADDED, principal, row, shape))
            return self._filing.attached(session, row)

    def _refuse(self, principal: Principal, reason: str) -> None:
        entry = Entry(
            action=AuditAction.ATTACHMENT_REFUSED,
            actor=principal,
            outcome=Outcome.REFUSED,
            object="attachment",
            subject=principal.user_id,
            task="conversation",
            reason=reason,
        )
        with self._database.write() as session:
            self._audit.append(session, entry)


def shown_name(name: str) -> str:
    """A file's name on one line, composed (NFC: a Mac sends Hangul in pieces), without folders."""
    name = unicodedata.normalize("NFC", name[-LONGEST_GIVEN:]).replace("\\", "/").rpartition("/")[2]
    name = "".join(one for one in " ".join(name.split()) if one.isprintable())
    return name[-LONGEST_NAME:] or "file"


def _require(session: Session, principal: Principal, conversation_id: str | None) -> None:
    if (
        conversation_id is not None
        and conversations.conversation(session, principal.user_id, conversation_id) is None
    ):
        raise NotFound(N_("There is no such conversation. It may have been deleted."))


def _gone(kind: type[NotFound] | type[Conflict]) -> NotFound | Conflict:
    return kind(N_("An attached file is not there any more. Reload the page and attach it again."))


def _entry(action: AuditAction, actor: Principal, row: store.AttachmentRow, reason: str = "") -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"attachment:{row.id}",
        subject=row.user_id,
        task="conversation",
        reason=reason,
    )
