"""How an entry reads for a person: names for ids, words for outcomes."""

from appliance.core import Outcome
from appliance.errors import N_
from appliance.identity.accounts import Accounts

OUTCOMES = {
    Outcome.ALLOWED: N_("Allowed"),
    Outcome.MASKED: N_("Masked"),
    Outcome.BLOCKED: N_("Blocked"),
    Outcome.REFUSED: N_("Refused"),
    Outcome.FAILED: N_("Failed"),
}


class Names:
    """The names that accounts have today; an id nobody has stays an id."""

    def __init__(self, accounts: Accounts) -> None:
        self._names = {account.id: account.name for account in accounts.list()}

    def of(self, user_id: str) -> str:
        return self._names.get(user_id, user_id)

    def known(self, user_id: str) -> bool:
        return user_id in self._names
