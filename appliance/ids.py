"""Identifiers: UUIDv7 (RFC 9562, 5.7), so that rows sort by the time they were made."""

import secrets
import time
from uuid import UUID


def new_id() -> str:
    """A fresh UUIDv7 in its 36-character form; 74 of its bits are random."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def is_id(text: str) -> bool:
    """Whether `text` has the canonical form of an identifier of ours."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
