"""API keys: several per person, named, shown once, kept as a hash, revoked at once."""

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import EVERYTHING, KeyScope, Outcome, Principal
from appliance.errors import N_, InvalidInput, NotFound, StorageFailed
from appliance.identity import store
from appliance.ids import new_id
from appliance.storage.engine import Database

PREFIX = "nae_"
MAX_LABEL = 64
MAX_KEYS = 50
ENDPOINTS = frozenset(
    {"chat", "completions", "embeddings", "messages", "models", "responses", "tokenize", "detokenize",
     "apply-template"}
)  # fmt: skip
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its owner sees it; the secret itself is not kept."""

    id: str
    label: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    scope: KeyScope = EVERYTHING
    addresses: tuple[str, ...] = ()


class ApiKeys:
    """The service. A key acts with its owner's roles for as long as the owner is enabled."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def create(
        self,
        actor: Principal,
        user_id: str,
        label: str,
        expires_at: datetime | None = None,
        scope: KeyScope = EVERYTHING,
        addresses: Sequence[str] = (),
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which nobody will see again.

        `addresses`: networks it works from, as "10.1.0.0/16"; none means anywhere. Raises
        InvalidInput naming the field that is wrong.
        """
        label = label.strip()
        networks = [str(_network(address)) for address in addresses]
        if unknown := sorted(scope.endpoints - ENDPOINTS):
            raise InvalidInput(
                N_("There is no endpoint '%(name)s'. Known: %(known)s."),
                field="endpoints",
                name=unknown[0],
                known=", ".join(sorted(ENDPOINTS)),
            )
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidInput(N_("The key would be over before it begins."), field="expires")
        if not 0 < len(label) <= MAX_LABEL or not label.isprintable():
            raise InvalidInput(
                N_("A key's name has 1 to %(most)d visible characters."), field="label", most=MAX_LABEL
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._database.write() as session:
            if len(store.keys_of(session, user_id)) >= MAX_KEYS:
                raise InvalidInput(
                    N_("One person has at most %(most)d keys. Revoke one first."),
                    field="label",
                    most=MAX_KEYS,
                )
            row = store.KeyRow(
                id=new_id(),
                user_id=user_id,
                label=label,
                secret_hash=_hash(secret),
                created_at=self._clock.now(),
                expires_at=expires_at,
                used_at=None,
                models=sorted(scope.models),
                endpoints=sorted(scope.endpoints),
                addresses=networks,
            )
            session.add(row)
            self._audit.append(session, _entry(AuditAction.KEY_CREATED, actor, row))
            return _key(row), secret

    def list(self, user_id: str) -> list[ApiKey]:
        with self._database.read() as session:
            return [_key(row) for row in store.keys_of(session, user_id)]

    def revoke(self, actor: Principal, user_id: str, key_id: str) -> None:
        """End a key of this user. NotFound for a missing one and for somebody else's."""
        with self._database.write() as session:
            row = session.get(store.KeyRow, key_id)
            if row is None or row.user_id != user_id:
                raise NotFound(N_("There is no such key."))
            store.remove_key(session, row.id)
            self._audit.append(session, _entry(AuditAction.KEY_REVOKED, actor, row))

    def authenticate(self, secret: str, origin: str) -> Principal | None:
        """Who this key acts for; None when it is unknown, expired, or its owner disabled."""
        now = self._clock.now()
        with self._database.read() as session:
            found = store.key_by_hash(session, _hash(secret))
            if found is None:
                return None
            row, user = found
            if user.disabled or (row.expires_at is not None and row.expires_at <= now):
                return None
            if row.addresses and not _within(origin, row.addresses):
                return None
            touch = row.used_at is None or now - row.used_at > TOUCH_EVERY
            groups = store.group_names_of(session, user.id)
            principal = Principal(user.id, "key", row.id, origin, frozenset(user.roles), groups, _scope(row))
        if touch:
            with suppress(StorageFailed):  # a full disk stops new work, not looking at the old
                self._touch(row.id, now)
        return principal

    def _touch(self, key_id: str, now: datetime) -> None:
        with self._database.write() as session:
            if (row := session.get(store.KeyRow, key_id)) is not None:
                row.used_at = now


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(row: store.KeyRow) -> ApiKey:
    return ApiKey(
        row.id, row.label, row.created_at, row.expires_at, row.used_at, _scope(row), tuple(row.addresses)
    )


def _scope(row: store.KeyRow) -> KeyScope:
    return KeyScope(frozenset(row.models), frozenset(row.endpoints))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip())
    except ValueError:
        raise InvalidInput(
            N_("'%(text)s' is not an address or a network such as 10.1.0.0/16."),
            field="addresses",
            text=text.strip()[:64],
        ) from None


def _within(origin: str, networks: Sequence[str]) -> bool:
    try:
        address = ip_address(origin)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in networks)


def _entry(action: AuditAction, actor: Principal, row: store.KeyRow) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"key:{row.id}",
        subject=row.user_id,
        task="identity",
    )
