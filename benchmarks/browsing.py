"""A person's browser as far as load needs it: signs in, sends a message, follows the answer's events."""

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator

from appliance.ids import new_id

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Browsing:
    """One person at `url`; blocking, so give each a thread. Raises urllib's errors."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self._url = url
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self._token = self._token_of("/sign-in")
        self._post("/sign-in", name=name, password=password)
        self._token = self._token_of("/chat")

    def ask(self, text: str) -> str:
        """Send a first message; the address of its answer's events."""
        sent = json.loads(self._post("/chat/messages", text=text, client_id=new_id()))
        return f"/chat/{sent['conversation']}/answers/{sent['answer']}"

    def follow(self, address: str) -> Iterator[bytes]:
        """The lines of the events, as they come."""
        with self._opener.open(self._url + address) as stream:
            yield from stream

    def _token_of(self, path: str) -> str:
        with self._opener.open(self._url + path) as page:
            found = TOKEN.search(page.read().decode())
        if found is None:
            raise RuntimeError(f"no form on {path}: the sign-in failed")
        return found[1]

    def _post(self, path: str, **fields: str) -> bytes:
        body = urllib.parse.urlencode({"csrf": self._token, **fields}).encode()
        request = urllib.request.Request(self._url + path, body, {"Accept": "application/json"})  # noqa: S310 - a target of ours
        with self._opener.open(request) as answer:
            content: bytes = answer.read()
        return content
