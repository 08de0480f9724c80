"""The rows of assistants and prompts. A house's and a shared one is plain, a personal one sealed."""

from datetime import datetime

from sqlalchemy import JSON, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.errors import N_, Conflict
from appliance.storage.base import Base
from appliance.storage.vault import Vault

HOUSE = ""
MOST_OF_ONE_OWNER = 200


class PresetRow(Base):
    """`kind`: assistant or prompt. `owner`: a user's id, or HOUSE. `content` is JSON."""

    __tablename__ = "presets"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner: Mapped[str] = mapped_column(index=True)
    groups: Mapped[list[str]] = mapped_column(JSON)
    content: Mapped[bytes]
    sealed: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


def of_owner(session: Session, kind: str, owner: str) -> list[PresetRow]:
    """Everything of one owner, oldest first."""
    query = select(PresetRow).where(PresetRow.kind == kind, PresetRow.owner == owner)
    return list(session.scalars(query.order_by(PresetRow.created_at, PresetRow.id)))


def plain(session: Session, kind: str) -> list[PresetRow]:
    """Everything that others than its maker may be allowed to read, oldest first."""
    query = select(PresetRow).where(PresetRow.kind == kind, PresetRow.sealed.is_(False))
    return list(session.scalars(query.order_by(PresetRow.created_at, PresetRow.id)))


def get(session: Session, kind: str, preset_id: str) -> PresetRow | None:
    query = select(PresetRow).where(PresetRow.id == preset_id, PresetRow.kind == kind)
    return session.scalar(query)


def add(session: Session, row: PresetRow) -> None:
    """Conflict when the owner has as many as anybody may."""
    query = select(func.count()).select_from(PresetRow)
    count = session.scalar(query.where(PresetRow.kind == row.kind, PresetRow.owner == row.owner)) or 0
    if count >= MOST_OF_ONE_OWNER:
        raise Conflict(N_("There are %(most)d of these already. Remove one first."), most=MOST_OF_ONE_OWNER)
    session.add(row)
    session.flush()


def write(session: Session, vault: Vault, row: PresetRow, content: bytes, *, sealed: bool) -> None:
    """Put the content into the row, sealed under its owner's key if nobody else may read it."""
    row.sealed = sealed
    row.content = vault.seal(session, row.owner, row.kind, row.id, content.decode()) if sealed else content


def read(session: Session, vault: Vault, row: PresetRow) -> bytes:
    """The content again."""
    if not row.sealed:
        return row.content
    return vault.unseal(session, row.owner, row.kind, row.id, row.content).encode()


def remove_of(session: Session, owner: str) -> None:
    """Everything this person made, shared prompts too."""
    session.execute(delete(PresetRow).where(PresetRow.owner == owner))
