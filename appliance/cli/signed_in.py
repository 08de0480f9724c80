"""Commands that only the person themselves may give: their password opens a session for one command."""

from collections.abc import Iterator
from contextlib import contextmanager

from appliance.cli.house import OPERATOR, House
from appliance.core import Principal
from appliance.errors import N_, NotSignedIn


@contextmanager
def signed_in(house: House, name: str, password: str, code: str = "") -> Iterator[Principal]:
    """Who signed in; their session ends with the block. Raises as the door does."""
    door, sessions = house.identity.door, house.identity.sessions
    opened = door.authenticate(name, password, OPERATOR.origin)
    if opened.pending:
        opened = door.second_step(opened.token, code, OPERATOR.origin)
    known = sessions.known(opened.token, OPERATOR.origin)
    if known is None or known.pending:
        raise NotSignedIn(N_("The name or the password is wrong."))
    try:
        yield known.principal
    finally:
        sessions.sign_out(known.principal)
