"""An entry as an outsider reads it: the canonical JSON of a leaf, parsed with the standard library.

One entry, one byte form: keys sorted, no space, no float, no key twice, UTF-8, at most 60 KiB.
"""

import json
from datetime import datetime
from typing import Any, NoReturn

MAX_RECORD_BYTES = 60 * 1024
NEWEST_VERSION = 1

Record = dict[str, Any]

_DEMANDED = ("action", "boot", "id", "outcome", "time")
_TEXTS = ("commitment", "guard", "model", "object", "policy", "reason", "request", "salt", "subject", "task")
_COUNTS = ("detections", "tokens")


def parse_record(data: bytes) -> Record:
    """The entry in these bytes. ValueError when they are not its canonical form."""
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError("longer than an entry can be")
    try:
        value = json.loads(data, parse_float=_no_float, parse_constant=_no_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    if canonical(value) != data:
        raise ValueError("not the canonical form")
    _check_fields(value)
    return value


def canonical(value: object) -> bytes:
    """RFC 8785 for our values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def milliseconds(record: Record) -> int:
    """The entry's time in POSIX milliseconds."""
    return int(moment(record).timestamp() * 1000)


def moment(record: Record) -> datetime:
    """The entry's time. ValueError when it has another form than 2026-03-02T09:00:00.000000Z."""
    return datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%S.%f%z")


def _check_fields(value: Record) -> None:
    if type(value.get("v")) is not int or type(value.get("index")) is not int:
        raise ValueError("no version or no index")
    if value["v"] > NEWEST_VERSION:
        raise ValueError(f"written in form {value['v']}, newer than this verifier; use a newer one")
    for name in _DEMANDED:
        if not isinstance(value.get(name), str):
            raise ValueError(f"no field '{name}'")
    actor = value.get("actor")
    if not isinstance(actor, dict) or not isinstance(actor.get("kind"), str):
        raise ValueError("no field 'actor'")
    _check_kinds({name: value[name] for name in _TEXTS if name in value} | actor, value)


def _check_kinds(texts: Record, value: Record) -> None:
    """What the other forms are made of: texts, rules, counts."""
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"'{name}' is no text")
    if not _list_of(str, value.get("rules", [])):
        raise ValueError("'rules' is no list of texts")
    for name in _COUNTS:
        counts = value.get(name, {})
        if not isinstance(counts, dict) or not _list_of(int, list(counts.values())):
            raise ValueError(f"'{name}' holds no counts")


def _list_of(kind: type, values: object) -> bool:
    return isinstance(values, list) and all(type(one) is kind for one in values)


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"the number {text} is not an integer")
