"""The load's own HTTP client against servers that stream, refuse, fail and break off."""

import asyncio
import json
from collections.abc import Callable

from benchmarks import sse
from benchmarks.load import Answer, Question

QUESTION = Question((("user", "Hi."),), max_tokens=4)
HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunks(*texts: str) -> str:
    return "".join(f"{len(text.encode()):x}\r\n{text}\r\n" for text in texts)


def event(**content: object) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"


def text(piece: str) -> str:
    return event(choices=[{"delta": {"content": piece}}])


def answer_to(reply: str) -> Answer:
    """What the client makes of a server that says `reply` and closes."""

    async def scene() -> Answer:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            writer.write(reply.encode())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await sse.ask(f"http://127.0.0.1:{port}", "key", "model", QUESTION)

    return asyncio.run(scene())


def test_a_stream_is_read_piece_by_piece_with_usage_and_places() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    split = text("둘")
    answer = answer_to(
        HEAD
        + chunks(": queued position=3 eta=12\n\n: prompt 40%\n\n", text("하나"), split[:20], split[20:])
        + chunks(event(choices=[], usage=usage), "data: [DONE]\n\n")
        + "0\r\n\r\n"
    )
    assert (answer.status, "".join(answer.text), len(answer.pieces)) == ("ok", "하나둘", 2)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (9, 2, 4)
    assert [place[1:] for place in answer.places] == [(3, 12.0)]


def test_a_refusal_is_told_from_an_error_and_from_a_loss() -> None:
    wait = answer_to("HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nwait")
    assert (wait.status, wait.retry_after_s, wait.detail) == ("refused", 7, "HTTP 429: wait")
    assert answer_to("HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno").status == "error"
    broken: list[Callable[[], str]] = [lambda: "", lambda: HEAD, lambda: HEAD + chunks(text("a")) + "5\r\nab"]
    assert {answer_to(reply()).status for reply in broken} == {"lost"}


def test_an_error_in_the_stream_is_an_error_even_when_it_ends_well() -> None:
    answer = answer_to(HEAD + chunks(event(error={"message": "gone"}), "data: [DONE]\n\n") + "0\r\n\r\n")
    assert answer.status == "error"
    assert "gone" in answer.detail


def test_nobody_there_is_a_loss() -> None:
    assert asyncio.run(sse.ask("http://127.0.0.1:9", "", "model", QUESTION)).status == "lost"
