"""Between web and an extractor: one file in, then words of progress, then its text or why there is none.

web -> extractor: Extract, once
extractor -> web: Reading as it goes, then Extracted or Refused, and it ends
"""

from typing import Literal

import msgspec

Kind = Literal["text", "markdown", "csv", "code", "pdf", "docx", "xlsx", "pptx", "hwpx", "hwp"]
Unit = Literal["", "page", "sheet", "slide", "section"]
Refusal = Literal["encrypted", "damaged", "too_big", "unknown", "old_format", "empty", "slow", "failed"]

MAX_FILE_BYTES = 32 * 1024 * 1024  # half of what a frame may hold
MAX_TEXT = 1_000_000  # characters of text that leave the extractor
MAX_PARTS = 2_000  # pages, sheets, slides or sections that are read


class Extract(msgspec.Struct, frozen=True, tag=True):
    """`name` is what the person calls the file; only its ending is looked at, and only for plain text."""

    name: str
    data: bytes


class Reading(msgspec.Struct, frozen=True, tag=True):
    """`done` of `total` pages, sheets, slides or sections are read."""

    done: int
    total: int


class Extracted(msgspec.Struct, frozen=True, tag=True):
    """The text, a part for each `unit`; without units it is one part. `total`: parts that the file has.

    `cut`: the last part is not whole, or parts after it are missing.
    """

    kind: Kind
    parts: tuple[str, ...]
    unit: Unit = ""
    total: int = 1
    cut: bool = False


class Refused(msgspec.Struct, frozen=True, tag=True):
    """encrypted: a password or DRM; damaged: not what it says it is; too_big: unpacks to too much;
    unknown: no kind that we read; old_format: an Office or HWP format of the nineties; empty: no text
    in it; slow, failed: the reading itself did not end well."""

    reason: Refusal


FromExtractor = Reading | Extracted | Refused
