"""Break glass: an account for the day nobody else can get in, opened once by a sealed code.

The code is made at the command line, printed once and locked away on paper. Using it is the
loudest thing in the log, works for an hour (sessions.py), and burns the code.
"""

import secrets

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.core import Outcome, Principal, Role
from appliance.errors import N_, Conflict
from appliance.identity import passwords, store
from appliance.identity.accounts import Accounts, fold
from appliance.identity.second_factor import ALPHABET
from appliance.identity.sessions import EMERGENCY
from appliance.storage.engine import Database

NAME = "emergency"
GROUPS, GROUP_LENGTH = 6, 5
ROLES = frozenset[str]({Role.ADMINISTRATOR})


def new_code(database: Database, accounts: Accounts, audit: AuditLog, actor: Principal) -> tuple[str, str]:
    """(account name, one-time code): makes the account the first time; an older code stops working."""
    code = "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    encoded = passwords.hash_password(code)
    with database.write() as session:
        row = store.user_by_name(session, fold(NAME)) or accounts.create_in(
            session, actor, NAME, ROLES, kind=EMERGENCY
        )
        if row.kind != EMERGENCY:  # a person of that name keeps their password
            raise Conflict(N_("There is already a user called '%(name)s'."), field="name", name=NAME)
        row.password_hash, row.disabled = encoded, False
        store.end_sessions(session, row.id)
        audit.append(
            session,
            Entry(
                action=AuditAction.EMERGENCY_MADE,
                actor=actor,
                outcome=Outcome.ALLOWED,
                object=f"user:{row.id}",
                subject=row.id,
                task="identity",
            ),
        )
    return NAME, code
