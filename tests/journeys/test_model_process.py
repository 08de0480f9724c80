"""The model process is killed under load, people hammer on the door: nobody is lost, nothing stays stuck."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest

from tests.journeys.product import Product, appliance, init, new_key

SLOTS = 4
MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with few slots, so that there is a queue; it must have survived everything here."""
    data = tmp_path_factory.mktemp("small") / "data"
    init(data)
    (data / "config.toml").write_text(f"slots = {SLOTS}\ncontext = 1024\nqueue_limit = 40\n")
    running = Product(data).wait_ready()
    yield running
    assert running.stop() == 0
    assert not any("Traceback" in line for line in running.output), "".join(running.output)
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    return new_key(product.data)


@dataclass
class Answer:
    """One streamed answer as its client sees it."""

    product: Product
    key: str
    body: dict[str, object]
    status: int = 0
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        request = {"model": MODEL, "stream": True, **self.body}
        headers = {"Authorization": f"Bearer {self.key}"}
        address = f"{self.product.url}/v1/chat/completions"
        with httpx.stream("POST", address, headers=headers, json=request, timeout=120) as response:
            self.status = response.status_code
            for line in response.iter_lines():
                self.lines.append(line)

    @property
    def text(self) -> str:
        chunks = [json.loads(line[6:]) for line in self.lines if line.startswith("data: {")]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", [])]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def finished(self) -> bool:
        return any('"finish_reason":"' in line.replace(" ", "") for line in self.lines)

    @property
    def error(self) -> str:
        found = [line for line in self.lines if line.startswith('data: {"error"')]
        return str(json.loads(found[0][6:])["error"]["message"]) if found else ""


def question(number: int, tokens: int = 40) -> dict[str, object]:
    return {
        "messages": [{"role": "user", "content": f"Tell me a story about the number {number}."}],
        "max_tokens": tokens,
        "seed": number,
    }


def wait_for(condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def runtime_of(product: Product) -> int:
    return product.children()["runtime"]


def answers_again(product: Product, key: str) -> None:
    """No slot is stuck: as many as there are answer at the same time, and a few more."""
    wait_for(lambda: _answered(product, key))  # until then it may say "try again in a second"
    last = [Answer(product, key, question(900 + number, 4)) for number in range(SLOTS + 2)]
    for answer in last:
        answer.thread.join(120)
    assert all(answer.finished for answer in last), [answer.lines for answer in last]


def _answered(product: Product, key: str) -> bool:
    answer = Answer(product, key, question(899, 4))
    answer.thread.join(120)
    return answer.finished


def test_killed_under_load_it_comes_back_and_nobody_is_lost(product: Product, key: str) -> None:
    answers = [Answer(product, key, question(number)) for number in range(4 * SLOTS)]
    wait_for(lambda: any(answer.text for answer in answers))
    os.kill(runtime_of(product), signal.SIGKILL)
    spoken = [answer for answer in answers if answer.text]
    for answer in answers:
        answer.thread.join(120)
        assert answer.status == 200
        assert "data: [DONE]" in answer.lines[-2:]
        assert answer.finished != bool(answer.error)
    assert all(answer.finished or "Send the request again" in answer.error for answer in answers)
    assert sum(answer.finished for answer in answers) >= 4 * SLOTS - SLOTS
    assert all(answer.finished or answer in spoken or answer.text for answer in answers)
    waited = [answer for answer in answers if any("queued position=" in line for line in answer.lines)]
    assert len(waited) >= SLOTS
    answers_again(product, key)


def test_killed_over_whole_answers_it_makes_them_anew(product: Product, key: str) -> None:
    """Nobody has seen anything of them, so nobody need ask again."""
    spoken = Answer(product, key, question(70, 200))
    whole = [Answer(product, key, {**question(71 + number, 80), "stream": False}) for number in range(SLOTS)]
    wait_for(lambda: len(spoken.text) > 60)  # by then the others are half made
    os.kill(runtime_of(product), signal.SIGKILL)
    for answer in whole:
        answer.thread.join(120)
        body = json.loads("".join(answer.lines))
        assert (answer.status, body["usage"]["completion_tokens"] > 0) == (200, True), body
        assert body["choices"][0]["message"]["content"]
    spoken.thread.join(120)
    assert "Send the request again" in spoken.error
    answers_again(product, key)


def test_a_request_under_which_it_dies_twice_is_refused(product: Product, key: str) -> None:
    poison = {**question(666, 5), "messages": [{"role": "user", "content": "poison " * 700}]}
    answer = Answer(product, key, poison)
    pid = 0
    for _ in range(2):
        wait_for(lambda before=pid: product.children().get("runtime", before) != before)
        pid = runtime_of(product)
        seen = len(answer.lines)
        wait_for(lambda seen=seen: any(": prompt" in line for line in answer.lines[seen:]))
        os.kill(pid, signal.SIGKILL)
    answer.thread.join(120)
    assert "broke off twice" in answer.error
    product.wait_ready()
    again = httpx.post(
        f"{product.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": MODEL, **poison},
        timeout=60,
    )
    assert (again.status_code, "broke off twice" in again.json()["error"]["message"]) == (400, True)
    answers_again(product, key)


def test_a_full_queue_says_when_to_come_back(product: Product, key: str) -> None:
    """More at once than may run and wait: each is answered or refused with Retry-After, none is dropped."""
    headers = {"Authorization": f"Bearer {key}"}
    statuses: list[tuple[int, str]] = []

    def ask(number: int) -> None:
        body = {"model": MODEL, **question(number, 2)}
        response = httpx.post(f"{product.url}/v1/chat/completions", headers=headers, json=body, timeout=120)
        statuses.append((response.status_code, response.headers.get("retry-after", "")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert len(statuses) == 80
    assert {status for status, _ in statuses} == {200, 429}
    assert all(retry.isdigit() and int(retry) >= 1 for status, retry in statuses if status == 429)
    answers_again(product, key)


def raw_request(product: Product, key: str, body: bytes) -> socket.socket:
    """The request is sent; what comes back is up to the caller."""
    place = urlsplit(product.url)
    sock = socket.create_connection((place.hostname or "", place.port or 0), timeout=60)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    sock.sendall(head.encode() + body)
    return sock


def test_a_thousand_who_connect_and_leave_leave_nothing_behind(product: Product, key: str) -> None:
    body = json.dumps({"model": MODEL, "stream": True, **question(1, 400)}).encode()
    place = urlsplit(product.url)
    for number in range(1000):
        if number % 20:
            socket.create_connection((place.hostname or "", place.port or 0), timeout=60).close()
        else:
            raw_request(product, key, body).close()
    answers_again(product, key)


def test_a_client_that_reads_a_byte_at_a_time_holds_nobody_up(product: Product, key: str) -> None:
    body = json.dumps({"model": MODEL, "stream": True, **question(2, 300)}).encode()
    with raw_request(product, key, body) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        assert slow.recv(1) == b"H"
        answers_again(product, key)
        for _ in range(200):
            assert slow.recv(1)
    answers_again(product, key)


ABSURD: list[dict[str, object]] = [
    {"temperature": -1},
    {"temperature": 1e300},
    {"max_tokens": -5},
    {"max_tokens": 0},
    {"top_p": 7},
    {"n": 10**9},
    {"presence_penalty": "much"},
    {"logit_bias": {"-1": 5}},
    {"stop": [f"stop {number}" for number in range(1000)]},
    {"stop": ["x" * 100_000]},
    {"messages": [{"role": "user", "content": "long " * 2_000_000}]},
    {"messages": []},
]


def test_absurd_parameters_are_refused_by_name_and_disturb_nobody(product: Product, key: str) -> None:
    for wrong in ABSURD:
        response = httpx.post(
            f"{product.url}/v1/chat/completions",
            headers={"Authorization": f"Bearer {key}"},
            json={"model": MODEL, **question(3, 2), **wrong},
            timeout=60,
        )
        assert response.status_code in (400, 413, 422), (wrong, response.text)
        assert next(iter(wrong)) in response.text or response.status_code == 413, response.text
    answers_again(product, key)
