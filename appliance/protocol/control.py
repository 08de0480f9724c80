"""What the command line may ask the running product over run/control.sock, and the answer's shape.

One line of JSON each way: a question with its `type`, then answers until one says `done`.
"""

from typing import Any

import msgspec


class AskStatus(msgspec.Struct, frozen=True, tag_field="type", tag="status"):
    """What does the kernel say of every process of the product?"""


class AskProbe(msgspec.Struct, frozen=True, tag_field="type", tag="probe"):
    """Attack yourself from inside every process and tell how it ended."""


class AskAttest(msgspec.Struct, frozen=True, tag_field="type", tag="attest"):
    """Attack yourself, and sign, date and record what came of it."""


class AskModel(msgspec.Struct, frozen=True, tag_field="type", tag="model"):
    """Which model serves now? The answer's value is a RunningModel."""


class UseModel(msgspec.Struct, frozen=True, tag_field="type", tag="use-model"):
    """Load the model of this name and let it take over."""

    name: str


class PrepareLogKey(msgspec.Struct, frozen=True, tag_field="type", tag="prepare-log-key"):
    """Make the log's next key; the answer's value are its public keys. `second` as in LocalSealer."""

    second: bool | None = None


class ReplaceLogKey(msgspec.Struct, frozen=True, tag_field="type", tag="replace-log-key"):
    """Put the prepared key of these public keys into office. The answer's value is a sealing.Replaced."""

    keys: str


class RunningModel(msgspec.Struct, frozen=True):
    """The serving model; `sha256` is what its process was told to load. Contexts are 0 while it loads."""

    name: str
    sha256: str
    n_ctx: int = 0
    n_ctx_wanted: int = 0


Question = AskStatus | AskProbe | AskAttest | AskModel | UseModel | PrepareLogKey | ReplaceLogKey


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line back. `error` is a message template with its `params`; `value` is the question's own JSON."""

    done: bool = True
    error: str = ""
    params: dict[str, str] = {}
    value: msgspec.Raw = msgspec.Raw(b"null")


def encode_line(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def decode_question(line: bytes) -> Question:
    """Raises msgspec.DecodeError for anything that is not a question."""
    question: Question = msgspec.json.decode(line, type=Question)
    return question


def answer_with(value: Any, *, done: bool = True) -> Answer:
    return Answer(done=done, value=msgspec.Raw(msgspec.json.encode(value)))
