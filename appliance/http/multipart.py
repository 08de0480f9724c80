"""Forms that carry files (multipart/form-data, RFC 7578), taken part by part as they come.

The token's field comes first in our forms and is checked before a byte of a file is kept. Only
paths that BodyLimit is told to leave alone may come here.
"""

from abc import ABC, abstractmethod
from typing import Any

from fastapi import Request
from python_multipart.multipart import MultipartParser, parse_options_header

from appliance.errors import N_, Forbidden, InvalidInput
from appliance.http import cookies, csrf

CONTENT_TYPE = b"multipart/form-data"
BROKEN_OFF = N_("The upload broke off. Send the file again.")


class Parts(ABC):
    """Takes the parser's callbacks, one part at a time; what is done with a part is the subclass's."""

    def __init__(self, request: Request) -> None:
        jar: cookies.Cookies = request.app.state.cookies
        self.fields: dict[str, str] = {}
        self._session = jar.read(request, cookies.SESSION)
        self._header = (bytearray(), bytearray())
        self._options: dict[bytes, bytes] = {}

    def parser(self, request: Request) -> MultipartParser:
        """Raises InvalidInput for a form of another kind."""
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind != CONTENT_TYPE or not options.get(b"boundary"):
            raise unreadable()
        callbacks: Any = {
            "on_part_begin": self.begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self.header_end,
            "on_headers_finished": self.headers_finished,
            "on_part_data": self.data,
            "on_part_end": self.end,
        }
        return MultipartParser(options[b"boundary"], callbacks)

    def check_token(self) -> None:
        """Forbidden unless the form's token came and fits."""
        if not csrf.token_fits(self._session, self.fields.get(csrf.FIELD, "")):
            raise Forbidden(N_("This page was opened before you signed in or out. Reload it and try again."))

    @property
    def is_file(self) -> bool:
        return b"filename" in self._options

    @property
    def file_name(self) -> str:
        return self._options[b"filename"].decode("utf-8", "replace")

    @property
    def field_name(self) -> str:
        return self._options.get(b"name", b"").decode("utf-8", "replace")

    def begin(self) -> None:
        self._options, self._header = {}, (bytearray(), bytearray())

    def header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._options = parse_options_header(bytes(value))[1]
        self._header = (bytearray(), bytearray())

    def headers_finished(self) -> None:
        if self.is_file:
            self.check_token()

    @abstractmethod
    def data(self, data: bytes, start: int, end: int) -> None:
        """More of a part."""

    @abstractmethod
    def end(self) -> None:
        """It is whole."""


def unreadable() -> InvalidInput:
    return InvalidInput(N_("The form came in a format that this page does not read."))
