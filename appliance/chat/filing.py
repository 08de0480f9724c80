"""Between the sealed rows of attached files and what can be read of them.

What belongs to a conversation is under its key, what waits for a new one under its owner's. Every method
takes the caller's session: reading and writing happen in the caller's transaction.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from appliance.chat import attachment_store as store
from appliance.chat.enclosing import Enclosed, File
from appliance.chat.sealing import Sealing
from appliance.chat.values import Attached
from appliance.protocol.extraction import Extracted, Kind, Unit
from appliance.storage.textkey import TextKey
from appliance.storage.vault import Vault

HEAD, BODY = "attachment-head", "attachment"  # what the vault binds a ciphertext to


class Kept(msgspec.Struct, frozen=True):
    """In a question's row: which file went with it, how many characters of it, and whole parts in those."""

    id: str
    room: int
    shown: int


class Head(msgspec.Struct, frozen=True):
    """What is sealed as a row's head."""

    name: str
    kind: Kind
    unit: Unit
    read: int
    total: int
    cut: bool
    characters: int
    sha256: str


class Filing:
    """Seals files on their way to the database and opens them on the way back."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._sealing = Sealing(vault)

    def seal(
        self, session: Session, row: store.AttachmentRow, name: str, found: Extracted, digest: str
    ) -> None:
        """Fill in head and body."""
        size = File.of(row.id, name, found).characters
        head = Head(name, found.kind, found.unit, len(found.parts), found.total, found.cut, size, digest)
        key = self._writing(session, row)
        row.head = key.seal(HEAD, row.id, msgspec.json.encode(head).decode())
        row.body = key.seal(BODY, row.id, msgspec.json.encode(found.parts).decode())

    def move(self, session: Session, row: store.AttachmentRow, conversation_id: str) -> None:
        """Into this conversation, under its key."""
        if row.conversation_id == conversation_id:
            return
        before = self._reading(session, row)
        head, body = before.unseal(HEAD, row.id, row.head), before.unseal(BODY, row.id, row.body)
        row.conversation_id = conversation_id
        key = self._writing(session, row)
        row.head, row.body = key.seal(HEAD, row.id, head), key.seal(BODY, row.id, body)

    def opened(self, session: Session, row: store.AttachmentRow) -> File:
        """The file with its text."""
        head = self._head(session, row)
        body = self._reading(session, row).unseal(BODY, row.id, row.body)
        parts = msgspec.json.decode(body, type=tuple[str, ...])
        return File.of(row.id, head.name, Extracted(head.kind, parts, head.unit, head.total, head.cut))

    def attached(self, session: Session, row: store.AttachmentRow, kept: Kept | None = None) -> Attached:
        """The file without its text; `kept`: as it went with a question."""
        head = self._head(session, row)
        shown = head.read if kept is None else kept.shown
        return Attached(
            id=row.id,
            name=head.name,
            kind=head.kind,
            unit=head.unit,
            size=row.size,
            sha256=head.sha256,
            characters=head.characters,
            used=head.characters if kept is None else kept.room,
            shown=shown,
            total=head.total,
            whole=shown == head.read and not head.cut,
        )

    def beside(self, session: Session, user_id: str, kept: Sequence[Kept]) -> tuple[Attached, ...]:
        """The files of a question that was sent."""
        rows = store.named(session, user_id, [one.id for one in kept])
        return tuple(self.attached(session, rows[one.id], one) for one in kept if one.id in rows)

    def enclosed(self, session: Session, user_id: str, kept: Sequence[Kept]) -> tuple[Enclosed, ...]:
        """The same with their texts, cut where they were cut then."""
        rows = store.named(session, user_id, [one.id for one in kept])
        files = [(one, self.opened(session, rows[one.id])) for one in kept if one.id in rows]
        return tuple(
            Enclosed(file, one.room, one.shown, one.shown == len(file.parts) and not file.cut)
            for one, file in files
        )

    def _head(self, session: Session, row: store.AttachmentRow) -> Head:
        return msgspec.json.decode(self._reading(session, row).unseal(HEAD, row.id, row.head), type=Head)

    def _reading(self, session: Session, row: store.AttachmentRow) -> TextKey:
        if row.conversation_id is None:
            return self._vault.subject(session, row.user_id)
        return self._sealing.reading(session, row.user_id, row.conversation_id)

    def _writing(self, session: Session, row: store.AttachmentRow) -> TextKey:
        if row.conversation_id is None:
            return self._vault.subject(session, row.user_id)
        return self._sealing.writing(session, row.user_id, row.conversation_id)


def kept_of(files: Sequence[Enclosed]) -> list[dict[str, str | int]] | None:
    """For a question's row; None for no files."""
    made: list[dict[str, str | int]] = [
        {"id": one.file.id, "room": one.room, "shown": one.shown} for one in files
    ]
    return made or None


def kept_in(row: object) -> list[Kept]:
    """What a message's row says."""
    return msgspec.convert(getattr(row, "attachments", None) or [], list[Kept])
