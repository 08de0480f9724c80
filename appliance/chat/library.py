"""A person's conversations as a collection: list, open, search, rename, organise, delete and undo.

Everything is scoped to the principal. Search opens the person's own texts with their own key
and keeps no index, so nothing can be searched without that key.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.chat import preset_store, store
from appliance.chat.finding import Needle, Snippet
from appliance.chat.service import owned
from appliance.chat.transcript import Rows, Transcript
from appliance.chat.values import Conversation, ConversationSummary, Destroyed, Message
from appliance.clock import Clock
from appliance.core import SYSTEM, DataClass, Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, NotFound
from appliance.policy.holds import held_in, refuse_if_held
from appliance.storage.engine import Database

MAX_TITLE = 200
MAX_FOLDER = 64
MOST_HITS = 50
UNDO_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation that has the words, and the first message with them, if it is not the title."""

    conversation: ConversationSummary
    message_id: str
    snippet: Snippet


class Library:
    """The service. `running` gives the ids of the answers that are being made."""

    def __init__(
        self, database: Database, transcript: Transcript, audit: AuditLog, clock: Clock,
        running: Callable[[], Collection[str]],
    ) -> None:  # fmt: skip
        self._database = database
        self._transcript = transcript
        self._audit = audit
        self._clock = clock
        self._running = running

    def list(self, principal: Principal) -> list[ConversationSummary]:
        """This person's conversations, the one used last first."""
        with self._database.read() as session:
            return [self._summary(session, row) for row in self._rows(session, principal)]

    def open(self, principal: Principal, conversation_id: str) -> Conversation:
        """The shown branch with its messages. NotFound when there is no such conversation of theirs."""
        with self._database.read() as session:
            row = owned(session, principal, conversation_id)
            return Conversation(
                row.id,
                self._transcript.title(session, row),
                self._transcript.messages(session, row, self._running()),
                row.pinned,
                row.archived,
                self._transcript.folder(session, row),
                row.created_at,
                row.updated_at,
                DataClass(row.data_class),
                row.maker,
            )

    def questions(self, principal: Principal, conversation_id: str) -> Sequence[str]:
        """The questions of the shown branch with their files, as the model would read them unmasked."""
        with self._database.read() as session:
            row = owned(session, principal, conversation_id)
            path = Rows(store.messages(session, row.id)).path(row.leaf_id)
            found = [one for one in path if one.role == "user"]
            ask = self._transcript
            return [ask.question(ask.text(session, one), ask.files(session, one)).content for one in found]

    def versions(self, principal: Principal, conversation_id: str, question_id: str) -> tuple[Message, ...]:
        """A question of theirs and every answer to it, oldest first. NotFound without one."""
        with self._database.read() as session:
            row = owned(session, principal, conversation_id)
            found = self._transcript.versions(session, row, question_id, self._running())
        if not found:
            raise NotFound(N_("There is no such message."))
        return found

    def oldest_use(self) -> Sequence[tuple[str, DataClass, datetime]]:
        """For everybody and each class of their conversations: when the one unused longest was used."""
        with self._database.read() as session:
            return [(user_id, DataClass(kind), at) for user_id, kind, at in store.oldest_use(session)]

    def count_before(self, user_id: str, data_class: DataClass, before: datetime) -> int:
        """How many conversations of this person and class were last used before then."""
        with self._database.read() as session:
            return store.count_before(session, user_id, data_class, before)

    def destroy_before_in(
        self, session: Session, user_id: str, data_class: DataClass, before: datetime, limit: int
    ) -> Destroyed:
        """Destroy the oldest of them with their keys, in the caller's transaction."""
        ids = store.oldest_before(session, user_id, data_class, before, limit)
        return self._transcript.sealing.destroy(session, ids)

    def search(self, principal: Principal, words: str) -> tuple[Hit, ...]:
        """Conversations with all of these words in the title or in one message, newest first."""
        needle = Needle(words)
        if not needle:
            return ()
        with self._database.read() as session:
            found = (self._hit(session, row, needle) for row in self._rows(session, principal))
            return tuple(_first(MOST_HITS, (hit for hit in found if hit is not None)))

    def rename(self, principal: Principal, conversation_id: str, title: str) -> str:
        """Give the conversation another title; the one that was kept is returned."""
        title = _line(title, MAX_TITLE, "title")
        if not title:
            raise InvalidInput(
                N_("A title has 1 to %(limit)d characters on one line."), field="title", limit=MAX_TITLE
            )
        with self._database.write() as session:
            row = owned(session, principal, conversation_id)
            row.title = self._transcript.seal_title(session, row, title)
            self._audit.append(session, _entry(AuditAction.CONVERSATION_RENAMED, principal, row.id))
        return title

    def organise(
        self, principal: Principal, conversation_id: str, *,
        pinned: bool | None = None, archived: bool | None = None, folder: str | None = None,
    ) -> None:  # fmt: skip
        """Pin, archive, or move to a folder; None leaves it as it is, an empty folder takes it out."""
        with self._database.write() as session:
            row = owned(session, principal, conversation_id)
            row.pinned = row.pinned if pinned is None else pinned
            row.archived = row.archived if archived is None else archived
            if folder is not None:
                name = _line(folder, MAX_FOLDER, "folder")
                row.folder = self._transcript.seal_folder(session, row, name)
            self._audit.append(session, _entry(AuditAction.CONVERSATION_MOVED, principal, row.id))

    def classify(self, principal: Principal, conversation_id: str, data_class: DataClass) -> None:
        """Raise the class of a conversation. Conflict for a lower one: what was written stays written."""
        with self._database.write() as session:
            row = owned(session, principal, conversation_id)
            if data_class.rank < DataClass(row.data_class).rank:
                raise Conflict(
                    N_("The class of a conversation only rises. Start a new one for what is less sensitive.")
                )
            row.data_class = data_class
            entry = _entry(AuditAction.CONVERSATION_CLASSED, principal, row.id, reason=data_class)
            self._audit.append(session, entry)

    def record_export(self, principal: Principal, conversation_id: str, form: str) -> None:
        """Note that a conversation leaves as a file; before it does."""
        with self._database.write() as session:
            row = owned(session, principal, conversation_id)
            entry = _entry(AuditAction.CONVERSATION_EXPORTED, principal, row.id, reason=form)
            self._audit.append(session, entry)

    def delete(self, principal: Principal, conversation_id: str) -> None:
        """Put the conversation out of sight; for UNDO_FOR it can be brought back, then it is gone."""
        with self._database.write() as session:
            row = owned(session, principal, conversation_id)
            refuse_if_held(session, principal.user_id)
            row.deleted_at = self._clock.now()
            self._audit.append(session, _entry(AuditAction.CONVERSATION_DELETED, principal, row.id))

    def bring_back(self, principal: Principal, conversation_id: str) -> None:
        """Undo a deletion. NotFound once the conversation is gone."""
        with self._database.write() as session:
            row = session.get(store.ConversationRow, conversation_id)
            if row is None or row.user_id != principal.user_id or row.deleted_at is None:
                raise NotFound(N_("There is nothing to bring back any more."))
            row.deleted_at = None
            self._audit.append(session, _entry(AuditAction.CONVERSATION_RESTORED, principal, row.id))

    def empty_bin(self) -> int:
        """Remove what was deleted longer than UNDO_FOR ago; how many conversations that were."""
        with self._database.read() as session:
            if not store.deleted_before(session, self._clock.now() - UNDO_FOR):
                return 0
        with self._database.write() as session:
            rows = store.deleted_before(session, self._clock.now() - UNDO_FOR)
            rows = [row for row in rows if not held_in(session, row.user_id)]
            for row in rows:
                gone = self._transcript.sealing.destroy(session, [row.id])
                reason = f"keys destroyed {gone.keys}"
                purged = AuditAction.CONVERSATION_PURGED
                entry = _entry(purged, SYSTEM, row.id, subject=row.user_id, reason=reason)
                self._audit.append(session, entry)
        self._database.scrub()
        return len(rows)

    def remove_everything_in(self, session: Session, user_id: str) -> Destroyed:
        """Destroy all that a person wrote with the keys of it, in the caller's transaction.

        Their assistants and prompts go, too; what is under the person's own key is the caller's.
        """
        preset_store.remove_of(session, user_id)
        return self._transcript.sealing.destroy_all_of(session, user_id)

    def _rows(self, session: Session, principal: Principal) -> Sequence[store.ConversationRow]:
        """Their conversations, the one used last first, with all keys at hand."""
        rows = store.conversations(session, principal.user_id)
        self._transcript.sealing.reading_many(session, principal.user_id, rows)
        return rows

    def _summary(self, session: Session, row: store.ConversationRow) -> ConversationSummary:
        title, folder = self._transcript.title(session, row), self._transcript.folder(session, row)
        return ConversationSummary(
            row.id, title, row.updated_at, row.pinned, row.archived, folder, DataClass(row.data_class)
        )

    def _hit(self, session: Session, row: store.ConversationRow, needle: Needle) -> Hit | None:
        summary = self._summary(session, row)
        if (snippet := needle.found_in(summary.title)) is not None:
            return Hit(summary, "", snippet)
        for message_id, text in self._transcript.texts(session, row):
            if (snippet := needle.found_in(text)) is not None:
                return Hit(summary, message_id, snippet)
        return None


def _first(most: int, hits: Iterator[Hit]) -> Iterator[Hit]:
    for _, hit in zip(range(most), hits, strict=False):
        yield hit


def _line(text: str, limit: int, field: str) -> str:
    line = " ".join(text.split())
    if len(line) > limit or not line.isprintable():
        raise InvalidInput(
            N_("A name here has at most %(limit)d characters on one line."), field=field, limit=limit
        )
    return line


def _entry(
    action: AuditAction, principal: Principal, conversation_id: str, *, subject: str = "", reason: str = ""
) -> Entry:
    return Entry(
        action=action,
        actor=principal,
        outcome=Outcome.ALLOWED,
        object=f"conversation:{conversation_id}",
        subject=subject or principal.user_id,
        task="conversation",
        reason=reason,
    )
