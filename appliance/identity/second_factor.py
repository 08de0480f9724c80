"""The second factor: six digits from a clock both sides know (TOTP, RFC 6238), or a recovery code.

The secret is sealed under the person's own key. A step of the clock is accepted once, one step
early or late; a recovery code once. Whether somebody must have one is policy (access.yaml).
"""

import secrets
from dataclasses import dataclass

import pyotp
from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput
from appliance.identity import store
from appliance.identity.accounts import TOTP, refuse_auditor
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

ISSUER = "Naesil"
STEP_S = 30
DRIFT_STEPS = 1
RECOVERY_CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is mistaken for something else
CODE_PARTS, PART_LENGTH = 3, 5


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app is given: the secret in base32 and as an otpauth address."""

    secret: str
    address: str


class SecondFactor:
    """The service. `accept` joins the caller's transaction."""

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock

    def begin(self, name: str) -> Enrolment:
        """A fresh secret for this person to scan; nothing is kept until a code of it is shown."""
        return self.again(pyotp.random_base32(), name)

    def again(self, secret: str, name: str) -> Enrolment:
        """The same secret to scan once more. InvalidInput when it was tampered with."""
        try:
            address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
            pyotp.TOTP(secret).at(0)
        except ValueError:
            raise InvalidInput(N_("Start again: this page is too old.")) from None
        return Enrolment(secret, address)

    def turn_on(self, principal: Principal, secret: str, code: str) -> tuple[str, ...]:
        """Keep the secret once a code proves that it was scanned; the recovery codes, shown once.

        Raises InvalidInput for a wrong code, Conflict when there is one already.
        """
        step = self._step_of(self.again(secret, "").secret, code, -1)
        if step is None:
            raise InvalidInput(
                N_("This code is not right. Wait for the next one and try again."), field="code"
            )
        with self._database.write() as session:
            user = session.get_one(store.UserRow, principal.user_id)
            if user.totp_secret is not None:
                raise Conflict(N_("You already have a second factor. Turn it off first."))
            user.totp_secret = self._vault.seal(session, user.id, TOTP, user.id, secret)
            user.totp_step = step
            self._audit.append(session, _entry(AuditAction.SECOND_FACTOR_ON, principal, user.id))
            return self._new_codes(session, user.id)

    def renew_codes(self, principal: Principal) -> tuple[str, ...]:
        """Other recovery codes; the old ones stop working."""
        with self._database.write() as session:
            self._audit.append(session, _entry(AuditAction.RECOVERY_RENEWED, principal, principal.user_id))
            return self._new_codes(session, principal.user_id)

    def turn_off(self, actor: Principal, user_id: str) -> None:
        """Forget the secret and the codes: by its owner, or by an administrator for a lost phone."""
        with self._database.write() as session:
            user = session.get_one(store.UserRow, user_id)
            if actor.user_id != user_id:
                refuse_auditor(actor, user)
            user.totp_secret = user.totp_step = None
            store.remove_recovery_codes(session, user_id)
            self._audit.append(session, _entry(AuditAction.SECOND_FACTOR_OFF, actor, user_id))

    def state(self, principal: Principal) -> tuple[bool, int]:
        """(turned on, recovery codes left)."""
        with self._database.read() as session:
            user = session.get_one(store.UserRow, principal.user_id)
            return user.totp_secret is not None, store.count_recovery_codes(session, user.id)

    def accept(self, session: Session, user: store.UserRow, code: str) -> bool:
        """Whether the code is right now; it is used up if so."""
        if user.totp_secret is None:
            return False
        secret = self._vault.unseal(session, user.id, TOTP, user.id, user.totp_secret)
        step = self._step_of(secret, code, user.totp_step or -1)
        if step is not None:
            user.totp_step = step
            return True
        if store.use_recovery_code(session, user.id, self._code_hash(user.id, code)):
            principal = Principal(user.id, "user")
            self._audit.append(session, _entry(AuditAction.RECOVERY_USED, principal, user.id))
            return True
        return False

    def _step_of(self, secret: str, code: str, after: int) -> int | None:
        """The step whose code this is, later than `after`; None for none near now."""
        now = int(self._clock.now().timestamp()) // STEP_S
        typed = "".join(code.split())
        totp = pyotp.TOTP(secret)
        near = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
        fits = [s for s in near if secrets.compare_digest(totp.at(s * STEP_S).encode(), typed.encode())]
        return next((step for step in fits if step > after), None)

    def _new_codes(self, session: Session, user_id: str) -> tuple[str, ...]:
        store.remove_recovery_codes(session, user_id)
        codes = tuple(_code() for _ in range(RECOVERY_CODES))
        for code in codes:
            session.add(store.RecoveryCodeRow(code_hash=self._code_hash(user_id, code), user_id=user_id))
        return codes

    def _code_hash(self, user_id: str, code: str) -> str:
        plain = "".join(letter for letter in code.lower() if letter in ALPHABET)
        return self._vault.pseudonym(f"recovery\x00{user_id}\x00{plain}")


def _code() -> str:
    parts = ("".join(secrets.choice(ALPHABET) for _ in range(PART_LENGTH)) for _ in range(CODE_PARTS))
    return "-".join(parts)


def _entry(action: AuditAction, actor: Principal, user_id: str) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"user:{user_id}",
        subject=user_id,
        task="identity",
    )
