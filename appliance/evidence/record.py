"""An entry as an outsider reads it: the canonical JSON of a leaf, parsed with the standard library.

One entry, one byte form: keys sorted, no space, no float, no key twice, UTF-8, at most 60 KiB.
"""

import json
from datetime import datetime
from typing import Any, NoReturn

MAX_RECORD_BYTES = 60 * 1024
NEWEST_VERSION = 1

Record = dict[str, Any]


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
    for name in ("action", "boot", "id", "outcome", "time"):
        if not isinstance(value.get(name), str):
            raise ValueError(f"no field '{name}'")
    if not isinstance(value.get("actor"), dict) or not isinstance(value["actor"].get("kind"), str):
        raise ValueError("no field 'actor'")


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"the number {text} is not an integer")
