"""The rows of people, sessions and keys, and the queries over them. Only identity imports this."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, delete, false, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.core import Role
from appliance.storage.base import Base


class UserRow(Base):
    """An account. `folded_name` makes names unique whatever their case or width.

    `kind`: person, service or emergency. `must_change`: the password was given by somebody else.
    `totp_secret` is sealed under the person's own key; `totp_step` is the last step that was used.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSON)
    disabled: Mapped[bool]
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(server_default="person", default="person")
    must_change: Mapped[bool] = mapped_column(server_default=false(), default=False)
    totp_secret: Mapped[bytes | None]
    totp_step: Mapped[int | None]


class SessionRow(Base):
    """A signed-in browser; only the SHA-256 of its token is kept.

    `pending`: the password was right, the second factor is still awaited. `confirmed_at`: when the
    person last proved who they are.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    origin: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    pending: Mapped[bool] = mapped_column(server_default=false(), default=False)
    confirmed_at: Mapped[datetime | None]


class KeyRow(Base):
    """An API key; only the SHA-256 of its secret is kept. An empty scope is no limit."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    label: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    models: Mapped[list[str]] = mapped_column(JSON, server_default="[]", default=list)
    endpoints: Mapped[list[str]] = mapped_column(JSON, server_default="[]", default=list)
    addresses: Mapped[list[str]] = mapped_column(JSON, server_default="[]", default=list)


class RecoveryCodeRow(Base):
    """A code that stands in for the second factor once; only its keyed hash is kept."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class PasskeyRow(Base):
    """A WebAuthn credential: its id, and the attested public key as the authenticator gave it."""

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    label: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    credential: Mapped[bytes]
    sign_count: Mapped[int]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LinkRow(Base):
    """A one-time address by which a person sets a password; only the SHA-256 of its token is kept."""

    __tablename__ = "sign_in_links"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    purpose: Mapped[str]
    expires_at: Mapped[datetime]


class RoleRequestRow(Base):
    """Roles somebody asked for, waiting for a second person's word."""

    __tablename__ = "role_requests"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    roles: Mapped[list[str]] = mapped_column(JSON)
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]


class FailureRow(Base):
    """Wrong passwords in a row, or 0 for an account known at an origin; see lockout. `key` is a hash."""

    __tablename__ = "sign_in_failures"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class GroupRow(Base):
    """A group of people; policies speak of it by its name."""

    __tablename__ = "groups"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class MemberRow(Base):
    """That a person belongs to a group."""

    __tablename__ = "group_members"

    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )


def user_by_name(session: Session, folded_name: str) -> UserRow | None:
    return session.scalar(select(UserRow).where(UserRow.folded_name == folded_name))


def users(session: Session) -> list[UserRow]:
    return list(session.scalars(select(UserRow).order_by(UserRow.folded_name)))


def administrators(session: Session) -> list[UserRow]:
    """The enabled accounts that hold the administrator's role."""
    return [row for row in users(session) if Role.ADMINISTRATOR in row.roles and not row.disabled]


def session_by_hash(session: Session, token_hash: bytes) -> tuple[SessionRow, UserRow] | None:
    query = select(SessionRow, UserRow).join(UserRow, UserRow.id == SessionRow.user_id)
    row = session.execute(query.where(SessionRow.token_hash == token_hash)).first()
    return None if row is None else (row[0], row[1])


def sessions_of(session: Session, user_id: str) -> list[SessionRow]:
    query = select(SessionRow).where(SessionRow.user_id == user_id)
    return list(session.scalars(query.order_by(SessionRow.used_at.desc(), SessionRow.id)))


def end_sessions(session: Session, user_id: str) -> None:
    session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


def end_session(session: Session, session_id: str) -> None:
    session.execute(delete(SessionRow).where(SessionRow.id == session_id))


def keys_of(session: Session, user_id: str) -> list[KeyRow]:
    return list(session.scalars(select(KeyRow).where(KeyRow.user_id == user_id).order_by(KeyRow.created_at)))


def key_by_hash(session: Session, secret_hash: bytes) -> tuple[KeyRow, UserRow] | None:
    query = select(KeyRow, UserRow).join(UserRow, UserRow.id == KeyRow.user_id)
    row = session.execute(query.where(KeyRow.secret_hash == secret_hash)).first()
    return None if row is None else (row[0], row[1])


def remove_key(session: Session, key_id: str) -> None:
    session.execute(delete(KeyRow).where(KeyRow.id == key_id))


def put_failures(session: Session, key: str, count: int, last_at: datetime) -> None:
    session.merge(FailureRow(key=key, count=count, last_at=last_at))


def forget_failures(session: Session, before: datetime) -> None:
    session.execute(delete(FailureRow).where(FailureRow.last_at < before))


def groups(session: Session) -> list[tuple[GroupRow, int]]:
    """Every group with the number of its members, by name."""
    members = func.count(MemberRow.user_id)
    query = select(GroupRow, members).outerjoin(MemberRow, MemberRow.group_id == GroupRow.id)
    rows = session.execute(query.group_by(GroupRow.id).order_by(GroupRow.folded_name))
    return [(row[0], row[1]) for row in rows]


def group_by_name(session: Session, folded_name: str) -> GroupRow | None:
    return session.scalar(select(GroupRow).where(GroupRow.folded_name == folded_name))


def group_names_of(session: Session, user_id: str) -> frozenset[str]:
    query = select(GroupRow.name).join(MemberRow, MemberRow.group_id == GroupRow.id)
    return frozenset(session.scalars(query.where(MemberRow.user_id == user_id)))


def members_of(session: Session, group_id: str) -> list[UserRow]:
    query = select(UserRow).join(MemberRow, MemberRow.user_id == UserRow.id)
    return list(session.scalars(query.where(MemberRow.group_id == group_id).order_by(UserRow.folded_name)))


def remove_member(session: Session, group_id: str, user_id: str) -> bool:
    """Whether the person was a member."""
    where = (MemberRow.group_id == group_id, MemberRow.user_id == user_id)
    return bool(getattr(session.execute(delete(MemberRow).where(*where)), "rowcount", 0))


def remove_group(session: Session, group_id: str) -> None:
    session.execute(delete(MemberRow).where(MemberRow.group_id == group_id))
    session.execute(delete(GroupRow).where(GroupRow.id == group_id))


def remove_recovery_codes(session: Session, user_id: str) -> None:
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))


def count_recovery_codes(session: Session, user_id: str) -> int:
    query = select(func.count()).select_from(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id)
    return session.scalar(query) or 0


def use_recovery_code(session: Session, user_id: str, code_hash: str) -> bool:
    """Whether the code was there; it is gone now."""
    where = (RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.code_hash == code_hash)
    return bool(getattr(session.execute(delete(RecoveryCodeRow).where(*where)), "rowcount", 0))


def passkeys_of(session: Session, user_id: str) -> list[PasskeyRow]:
    query = select(PasskeyRow).where(PasskeyRow.user_id == user_id)
    return list(session.scalars(query.order_by(PasskeyRow.created_at)))


def passkey_by_credential(session: Session, credential_id: bytes) -> PasskeyRow | None:
    return session.scalar(select(PasskeyRow).where(PasskeyRow.credential_id == credential_id))


def link_by_hash(session: Session, token_hash: bytes) -> LinkRow | None:
    return session.scalar(select(LinkRow).where(LinkRow.token_hash == token_hash))


def remove_links(session: Session, user_id: str) -> None:
    session.execute(delete(LinkRow).where(LinkRow.user_id == user_id))


def role_requests(session: Session) -> list[RoleRequestRow]:
    return list(session.scalars(select(RoleRequestRow).order_by(RoleRequestRow.asked_at)))


def remove_role_requests(session: Session, user_id: str) -> None:
    session.execute(delete(RoleRequestRow).where(RoleRequestRow.user_id == user_id))
