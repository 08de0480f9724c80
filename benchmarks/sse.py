"""A small HTTP/1.1 client for streamed chat completions: standard library, one connection a request.

Written for load: the same little cost for every target, no pool, no retries, each piece timed
as its bytes arrive.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load import Answer, Question, now

LINE_LIMIT = 1 << 20
REFUSED = (429, 503)


async def ask(base_url: str, key: str, model: str, question: Question) -> Answer:
    """The answer of `base_url`/v1/chat/completions, streamed. Never raises for what the server does."""
    answer = Answer(sent=now())
    writer = None
    try:
        reader, writer = await _connect(base_url)
        writer.write(_request(base_url, key, json.dumps(_body(model, question)).encode()))
        status, headers = await _head(reader)
        if status == 200:
            await _stream(_lines(reader, headers), answer)
        else:
            answer.status = "refused" if status in REFUSED else "error"
            answer.retry_after_s = int(headers.get("retry-after", "0"))
            answer.detail = (
                f"HTTP {status}: {' '.join([line async for line in _lines(reader, headers)])[:300]}"
            )
    except (OSError, EOFError, ValueError) as error:
        answer.status, answer.detail = "lost", type(error).__name__
    finally:
        if writer is not None:
            writer.close()
    answer.ended = now()
    return answer


async def get(base_url: str, path: str, key: str = "") -> tuple[int, str]:
    """Status and body of one GET."""
    reader, writer = await _connect(base_url)
    try:
        parts = urlsplit(base_url)
        head = f"GET {parts.path}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        writer.write(f"{head}{f'Authorization: Bearer {key}' if key else 'Accept: */*'}\r\n\r\n".encode())
        status, headers = await _head(reader)
        return status, "\n".join([line async for line in _lines(reader, headers)])
    finally:
        writer.close()


def _body(model: str, question: Question) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": role, "content": content} for role, content in question.turns],
        "max_tokens": question.max_tokens,
        "temperature": question.temperature,
        "seed": question.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def _connect(base_url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(base_url)
    secure = parts.scheme == "https"
    context = ssl.create_default_context() if secure else None
    port = parts.port or (443 if secure else 80)
    return await asyncio.open_connection(parts.hostname, port, ssl=context, limit=LINE_LIMIT)


def _request(base_url: str, key: str, body: bytes) -> bytes:
    parts = urlsplit(base_url)
    lines = (
        f"POST {parts.path}/v1/chat/completions HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {key}"] if key else []),
    )
    return "\r\n".join((*lines, "", "")).encode() + body


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    words = (await reader.readline()).split()
    if len(words) < 2:
        raise EOFError
    status = int(words[1])
    headers = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers


async def _lines(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[str]:
    """The body's lines, chunked or not. EOFError when a chunked body breaks off."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        left = int(headers.get("content-length", "-1"))
        body = await (reader.readexactly(left) if left >= 0 else reader.read())
        for line in body.decode("utf-8", "replace").splitlines():
            yield line
        return
    rest = b""
    while size := int((await reader.readline()).split(b";")[0] or b"x", 16):
        *whole, rest = (rest + await reader.readexactly(size)).split(b"\n")
        await reader.readexactly(2)
        for part in whole:
            yield part.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace")


async def _stream(lines: AsyncIterator[str], answer: Answer) -> None:
    async for line in lines:
        if line.startswith(": queued"):
            _place(line, answer)
        elif line == "data: [DONE]":
            answer.status = "ok" if answer.status == "lost" else answer.status
        elif line.startswith("data: "):
            _event(json.loads(line.removeprefix("data: ")), answer)


def _place(line: str, answer: Answer) -> None:
    words = dict(word.split("=", 1) for word in line.split() if "=" in word)
    eta = words.get("eta")
    answer.places.append((now(), int(words.get("position", "0")), None if eta is None else float(eta)))


def _event(event: dict[str, Any], answer: Answer) -> None:
    if "error" in event:
        answer.status, answer.detail = "error", json.dumps(event["error"])[:300]
    for choice in event.get("choices", ()):
        if text := choice.get("delta", {}).get("content"):
            answer.text.append(text)
            answer.pieces.append(now())
    if usage := event.get("usage"):
        answer.prompt_tokens = usage.get("prompt_tokens", 0)
        answer.completion_tokens = usage.get("completion_tokens", 0)
        answer.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
