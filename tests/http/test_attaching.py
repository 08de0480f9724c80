"""Forms with files as they come in: one file in memory, two uploads a person, no upload without end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.errors import InvalidInput, LimitReached
from appliance.http import attaching, csrf
from appliance.http.attaching import Intake, TakenFile

SECRET = "s" * 40


class Upload:
    """A request as far as the intake needs it: its body comes when the test says so."""

    def __init__(self, *chunks: bytes) -> None:
        jar = SimpleNamespace(read=lambda *_: SECRET)
        self.app = SimpleNamespace(state=SimpleNamespace(cookies=jar))
        self.headers = {"content-type": "multipart/form-data; boundary=x"}
        self.chunks: asyncio.Queue[bytes] = asyncio.Queue()
        for chunk in chunks:
            self.chunks.put_nowait(chunk)

    async def stream(self) -> AsyncIterator[bytes]:
        while chunk := await self.chunks.get():
            yield chunk


def field(name: str, value: str) -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str, data: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n"


TOKEN = field(csrf.FIELD, csrf.token_for(SECRET))
END = b"--x--\r\n"


async def receive(intake: Intake, upload: Upload, taken: list[str], who: str = "a", limit: int = 9) -> Any:
    async def take(_fields: Mapping[str, str], one: TakenFile) -> None:
        taken.append(f"{one.name}:{'too large' if one.too_large else one.data.decode()}")

    request: Any = upload
    return await intake.receive(request, who, limit, 2, take)


def test_each_file_is_taken_as_soon_as_it_is_whole() -> None:
    async def scenario() -> None:
        taken: list[str] = []
        upload = Upload(TOKEN, file("a", b"one"), b"--x\r\n")
        receiving = asyncio.create_task(receive(Intake(), upload, taken))
        while not taken:
            await asyncio.sleep(0)
        assert taken == ["a:one"]
        upload.chunks.put_nowait(file("b", b"0123456789")[5:] + file("c", b"beyond the most"))
        upload.chunks.put_nowait(field("text", "typed") + END)
        upload.chunks.put_nowait(b"")
        fields = await receiving
        assert taken == ["a:one", "b:too large"]
        assert fields["text"] == "typed"

    asyncio.run(scenario())


def test_one_person_uploads_two_forms_at_a_time_and_keeps_nobody_else_out() -> None:
    async def scenario() -> None:
        intake, taken = Intake(), list[str]()
        slow = [Upload(), Upload()]
        waiting = [asyncio.create_task(receive(intake, one, taken)) for one in slow]
        await asyncio.sleep(0)
        with pytest.raises(LimitReached):
            await receive(intake, Upload(), taken)
        await receive(intake, Upload(TOKEN, file("b", b"two"), END, b""), taken, who="b")
        for one in slow:
            one.chunks.put_nowait(TOKEN + END)
            one.chunks.put_nowait(b"")
        await asyncio.gather(*waiting)
        await receive(intake, Upload(TOKEN, file("a", b"three"), END, b""), taken)
        assert taken == ["b:two", "a:three"]

    asyncio.run(scenario())


def test_who_never_stops_sending_is_cut_off() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    with pytest.raises(InvalidInput):
        asyncio.run(receive(Intake(), Upload(TOKEN, head, *[bytes(600_000)] * 3), []))


def test_who_sends_nothing_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "PATIENCE_S", 0.05)
    with pytest.raises(InvalidInput):
        asyncio.run(receive(Intake(), Upload(TOKEN), []))
