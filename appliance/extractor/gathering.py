"""Parts of a document as they come, counted and cut at the caps. Pure."""

import unicodedata
from collections.abc import Iterator

from appliance.extractor.faults import Unreadable
from appliance.protocol.extraction import MAX_PARTS, MAX_TEXT, Extracted, Kind, Reading, Unit

EVERY = 10  # parts between two words of progress


def gather(kind: Kind, unit: Unit, total: int, parts: Iterator[str]) -> Iterator[Reading | Extracted]:
    """Progress and, last, the whole. Unreadable when there is no text in any part."""
    texts: list[str] = []
    room = MAX_TEXT
    cut = False
    for part in parts:
        if len(texts) == MAX_PARTS or room <= 0:
            cut = True
            break
        text = tidy(part[: 2 * room])  # what is tidied away leaves room; the rest would take for ever
        cut = len(text) > room or len(part) > 2 * room
        texts.append(text[:room])
        room -= len(text)
        if len(texts) % EVERY == 0:
            yield Reading(len(texts), total)
    if not any(texts):
        raise Unreadable("empty")
    yield Extracted(kind, tuple(texts), unit, max(total, len(texts)), cut)


def tidy(text: str) -> str:
    """Composed (NFC), without control characters, trailing blanks and runs of empty lines."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    text = "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs"))
    lines: list[str] = []
    for line in map(str.rstrip, text.split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n")
