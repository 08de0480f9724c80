"""Passkeys (WebAuthn Level 3): signing in with a device's own lock instead of a password.

User verification is demanded, so a passkey is two factors in one. A ceremony's challenge lives
in memory for some minutes, bound to the browser that began it, and is used once.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, NotFound, NotSignedIn
from appliance.identity import store
from appliance.identity.accounts import Account, account_of
from appliance.ids import new_id
from appliance.storage.engine import Database

if TYPE_CHECKING:
    from fido2.server import Fido2Server

LASTS_S = 300.0
MOST_CEREMONIES = 4096
MOST_PASSKEYS = 20
MAX_LABEL = 64
_FAILURES = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner sees it."""

    id: str
    label: str
    created_at: datetime
    used_at: datetime | None


class Passkeys:
    """The service. `browser` names a browser by its cookie; `origin` is our pages' scheme, host and port."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ceremonies: OrderedDict[str, tuple[float, Any]] = OrderedDict()  # guarded by _lock
        self._lock = threading.Lock()

    def list(self, user_id: str) -> list[Passkey]:
        with self._database.read() as session:
            return [
                Passkey(row.id, row.label, row.created_at, row.used_at)
                for row in store.passkeys_of(session, user_id)
            ]

    def begin_adding(self, principal: Principal, name: str, browser: str, origin: str) -> dict[str, Any]:
        """The options for navigator.credentials.create, as JSON."""
        with self._database.read() as session:
            rows = store.passkeys_of(session, principal.user_id)
            known = [_webauthn().AttestedCredentialData(row.credential) for row in rows]
        options, state = _server(origin).register_begin(
            _webauthn().PublicKeyCredentialUserEntity(
                id=principal.user_id.encode(), name=name, display_name=name
            ),
            known,
            resident_key_requirement=_webauthn().ResidentKeyRequirement.REQUIRED,
            user_verification=_webauthn().UserVerificationRequirement.REQUIRED,
        )
        self._remember(f"add {browser}", state)
        return dict(options)

    def add(
        self, principal: Principal, label: str, response: Mapping[str, Any], browser: str, origin: str
    ) -> Passkey:
        """Keep what the browser made. InvalidInput when it does not belong to `begin_adding`."""
        label = label.strip()[:MAX_LABEL] or "passkey"
        state = self._recall(f"add {browser}")
        try:
            made = _server(origin).register_complete(state, response)
        except _FAILURES:
            raise _unusable() from None
        credential = made.credential_data
        if credential is None:
            raise _unusable()
        with self._database.write() as session:
            if store.passkey_by_credential(session, credential.credential_id) is not None:
                raise Conflict(N_("This passkey is known already."))
            if len(store.passkeys_of(session, principal.user_id)) >= MOST_PASSKEYS:
                raise InvalidInput(N_("One person has at most %(most)d passkeys."), most=MOST_PASSKEYS)
            row = store.PasskeyRow(
                id=new_id(),
                user_id=principal.user_id,
                label=label,
                credential_id=credential.credential_id,
                credential=bytes(credential),
                sign_count=made.counter,
                created_at=self._clock.now(),
                used_at=None,
            )
            session.add(row)
            self._audit.append(session, _entry(AuditAction.PASSKEY_ADDED, principal, row))
            return Passkey(row.id, row.label, row.created_at, None)

    def remove(self, actor: Principal, user_id: str, passkey_id: str) -> None:
        """NotFound for a missing one and for somebody else's."""
        with self._database.write() as session:
            row = session.get(store.PasskeyRow, passkey_id)
            if row is None or row.user_id != user_id:
                raise NotFound(N_("There is no such passkey."))
            session.delete(row)
            self._audit.append(session, _entry(AuditAction.PASSKEY_REMOVED, actor, row))

    def begin_signing_in(self, browser: str, origin: str) -> dict[str, Any]:
        """The options for navigator.credentials.get, as JSON; the device knows who its owner is."""
        options, state = _server(origin).authenticate_begin(
            user_verification=_webauthn().UserVerificationRequirement.REQUIRED
        )
        self._remember(f"get {browser}", state)
        return dict(options)

    def owner(self, response: Mapping[str, Any], browser: str, origin: str) -> Account:
        """Whose passkey answered. NotSignedIn when it is unknown, copied, or its owner disabled."""
        state = self._recall(f"get {browser}")
        try:
            answer = _webauthn().AuthenticationResponse.from_dict(response)
        except _FAILURES:
            raise _not_known() from None
        with self._database.write() as session:
            row = store.passkey_by_credential(session, answer.raw_id)
            if row is None:
                raise _not_known()
            known = _webauthn().AttestedCredentialData(row.credential)
            try:
                _server(origin).authenticate_complete(state, [known], answer)
            except _FAILURES:
                raise _not_known() from None
            count = answer.response.authenticator_data.counter
            copied = count <= row.sign_count and max(count, row.sign_count) > 0
            user = session.get_one(store.UserRow, row.user_id)
            if copied or user.disabled:
                raise _not_known()
            row.sign_count, row.used_at = count, self._clock.now()
            return account_of(user)

    def _remember(self, key: str, state: Any) -> None:
        with self._lock:
            self._ceremonies[key] = (self._clock.monotonic() + LASTS_S, state)
            self._ceremonies.move_to_end(key)
            while len(self._ceremonies) > MOST_CEREMONIES:
                self._ceremonies.popitem(last=False)

    def _recall(self, key: str) -> Any:
        """The state of a ceremony, this once. InvalidInput when there is none any more."""
        with self._lock:
            until, state = self._ceremonies.pop(key, (0.0, None))
        if self._clock.monotonic() > until:
            raise InvalidInput(N_("This took too long. Start again."))
        return state


def _webauthn() -> ModuleType:
    """fido2's values. Loaded by the first who uses a passkey: it is large, and many houses have none."""
    from fido2 import webauthn  # noqa: PLC0415 - see above

    return webauthn


def _server(origin: str) -> "Fido2Server":
    """The relying party for pages at exactly this origin; its id is the origin's host name."""
    from fido2.server import Fido2Server  # noqa: PLC0415 - as in _webauthn

    host = urlsplit(origin).hostname or ""
    return Fido2Server(
        _webauthn().PublicKeyCredentialRpEntity(id=host, name="Naesil"),
        verify_origin=lambda given: given == origin,
    )


def _unusable() -> InvalidInput:
    return InvalidInput(N_("The device's answer cannot be used. Start again."))


def _not_known() -> NotSignedIn:
    return NotSignedIn(N_("This passkey is not known here. Sign in with your password."))


def _entry(action: AuditAction, actor: Principal, row: store.PasskeyRow) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"passkey:{row.id}",
        subject=row.user_id,
        task="identity",
    )
