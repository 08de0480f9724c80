"""A submitted form, read strictly: one encoding, valid UTF-8, the form token checked.

The only way for a page's route to get at form fields, so that no route can forget the token.
"""

from urllib.parse import parse_qsl

from fastapi import Request

from appliance.core import DataClass
from appliance.errors import N_, Forbidden, InvalidInput, NotSignedIn
from appliance.http import cookies, csrf

MAX_FIELDS = 40
CONTENT_TYPE = "application/x-www-form-urlencoded"


class Form:
    """The fields by name; the last of several wins, a missing one is empty."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields.get(name, "")


async def read(request: Request) -> Form:
    """The fields of this request. InvalidInput when they cannot be read, Forbidden without the token."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise InvalidInput(N_("The form came in a format that this page does not read."))
    form = Form(_decode(await request.body()))
    jar: cookies.Cookies = request.app.state.cookies
    session = jar.read(request, cookies.SESSION)
    if csrf.token_fits(session or jar.read(request, cookies.VISITOR), form[csrf.FIELD]):
        return form
    if not session and request.url.path.startswith(("/chat", "/account", "/console")):
        raise NotSignedIn(N_("Your session has ended. Sign in again; what you typed is still here."))
    raise Forbidden(N_("This page was opened before you signed in or out. Reload it and try again."))


def _decode(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError:
        raise InvalidInput(N_("The text is not valid UTF-8. Type or paste it again.")) from None
    except ValueError:
        raise InvalidInput(N_("The form has too many fields.")) from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def data_class(name: str) -> DataClass:
    """The class of that letter. InvalidInput for another."""
    try:
        return DataClass(name)
    except ValueError:
        raise InvalidInput(N_("Choose one of these classes: O, S or C."), field="data_class") from None
