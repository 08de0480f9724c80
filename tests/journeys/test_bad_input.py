"""Bad input to the running product: a clear message, nothing lost, no traceback, no secret."""

import re
import socket
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.journeys.product import ADMIN, PASSWORD, Product

JSON = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}


class Visitor:
    """A browser's worth of HTTP: cookies, and the form token of the page it looks at."""

    def __init__(self, product: Product) -> None:
        self.client = httpx.Client(base_url=product.url, follow_redirects=False, timeout=30)
        self.page = ""

    def look(self, path: str) -> httpx.Response:
        answer = self.client.get(path, follow_redirects=True)
        self.page = answer.text
        return answer

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.page)
        assert found is not None, self.page
        return found.group(1)

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        return self.client.post(path, data={"csrf": self.token, **form}, headers=headers or JSON)

    def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        self.look("/sign-in")
        return self.post("/sign-in", headers={"Sec-Fetch-Site": "same-origin"}, name=ADMIN, password=password)


@pytest.fixture
def visitor(product: Product) -> Iterator[Visitor]:
    visitor = Visitor(product)
    assert visitor.sign_in().status_code == 303
    visitor.look("/chat")
    yield visitor
    visitor.client.close()


def clear(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_empty_message_is_refused_in_the_readers_language(visitor: Visitor) -> None:
    answer = visitor.post(
        "/chat/messages", headers={**JSON, "Accept-Language": "ko"}, text="  ", client_id=str(uuid.uuid4())
    )
    clear(answer, 400)
    assert re.search("[가-힣]", answer.text)


def test_a_message_over_a_megabyte_is_refused(visitor: Visitor) -> None:
    clear(visitor.post("/chat/messages", text="가" * 400_000, client_id=str(uuid.uuid4())), 413)


def test_invalid_utf8_is_refused(visitor: Visitor) -> None:
    body = f"csrf={visitor.token}&client_id={uuid.uuid4()}&text=%ff%fe".encode()
    headers = {**JSON, "Content-Type": "application/x-www-form-urlencoded"}
    clear(visitor.client.post("/chat/messages", content=body, headers=headers), 400)


@pytest.mark.parametrize(
    "path", ["/chat/nonsense", f"/chat/{uuid.uuid4()}", "/nothing/here", "/chat/../../etc/passwd"]
)
def test_an_unknown_address_is_not_found(visitor: Visitor, path: str) -> None:
    clear(visitor.client.get(path), 404)


def test_a_message_to_an_unknown_conversation_is_not_found(visitor: Visitor) -> None:
    clear(visitor.post(f"/chat/{uuid.uuid4()}/messages", text="안녕", client_id=str(uuid.uuid4())), 404)


def test_an_expired_session_is_told_to_sign_in(visitor: Visitor) -> None:
    token = visitor.token
    visitor.client.cookies.clear()
    answer = visitor.client.post("/chat/messages", data={"csrf": token, "text": "안녕"}, headers=JSON)
    assert answer.status_code in (401, 403)
    assert "Traceback" not in answer.text


def test_a_wrong_password_is_refused_without_saying_what_was_wrong(product: Product) -> None:
    visitor = Visitor(product)
    wrong = visitor.sign_in("not the password")
    visitor.look("/sign-in")
    unknown = visitor.post(
        "/sign-in", headers={"Sec-Fetch-Site": "same-origin"}, name="아무도", password="not the password"
    )
    assert wrong.status_code == unknown.status_code == 401
    visitor.client.close()


def test_a_form_from_another_site_is_refused(visitor: Visitor) -> None:
    answer = visitor.post("/chat/messages", headers={**JSON, "Sec-Fetch-Site": "cross-site"}, text="안녕")
    clear(answer, 403)


def test_a_form_without_its_token_is_refused(visitor: Visitor) -> None:
    clear(
        visitor.client.post(
            "/chat/messages", data={"text": "안녕", "client_id": str(uuid.uuid4())}, headers=JSON
        ),
        403,
    )


def test_a_foreign_host_name_is_refused(product: Product) -> None:
    answer = httpx.get(f"{product.url}/sign-in", headers={"Host": "evil.example"})
    assert answer.status_code in (400, 421)


def test_the_setup_address_is_gone_once_there_is_an_administrator(product: Product) -> None:
    assert httpx.get(f"{product.url}/setup/anything").status_code == 404


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(product: Product) -> None:
    visitor = Visitor(product)
    cookie = visitor.sign_in().headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    visitor.client.close()


def test_a_made_up_forwarded_address_is_not_believed(product: Product) -> None:
    visitor = Visitor(product)
    visitor.client.headers["X-Forwarded-For"] = visitor.client.headers["X-Real-IP"] = "203.0.113.7"
    visitor.client.headers["X-Forwarded-Proto"] = "https"
    signed_in = visitor.sign_in()
    assert "__Host-" not in signed_in.headers["set-cookie"]
    seen = visitor.look("/account/security").text
    assert "<strong>127.0.0.1</strong>" in seen
    assert "203.0.113.7" not in seen
    visitor.client.close()


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 4\r\nContent-Length: 60\r\n",
        "Content-Length: 4, 60\r\n",
        "Content-Length: +4\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
    ],
)
def test_a_request_cannot_be_smuggled_in_another(product: Product, framing: str) -> None:
    """What might be the end of one message to us and the middle to a proxy ends the connection."""
    address = urlsplit(product.url)
    hidden = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    head = f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n"
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as line:
        line.sendall(f"{head}0\r\n\r\n{hidden}".encode())
        heard = b"".join(iter(lambda: line.recv(4096), b""))
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1 ") == 1
