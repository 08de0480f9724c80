"""Who somebody is on a page: the name that goes with an id in entries, drafts and holds."""

from appliance.core import SYSTEM
from appliance.errors import N_
from appliance.i18n import Translator
from appliance.identity.accounts import Accounts

_NOBODYS = {SYSTEM.user_id: N_("by itself"), "operator": N_("at the machine's command line")}


class Names:
    """The names that accounts have today; an id nobody has stays an id, ours with a word about it."""

    def __init__(self, accounts: Accounts, words: Translator) -> None:
        ours = {user_id: f"{user_id} ({words(word)})" for user_id, word in _NOBODYS.items()}
        self._names = ours | {account.id: account.name for account in accounts.list()}

    def of(self, user_id: str) -> str:
        return self._names.get(user_id, user_id)
