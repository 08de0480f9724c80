"""Text files in the encodings that Korean offices have: UTF-8, UTF-16 and CP949 (which EUC-KR is part of)."""

import codecs
from collections.abc import Iterator
from pathlib import PurePath

from appliance.extractor.faults import Unreadable
from appliance.protocol.extraction import Kind, Refusal

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE = """py pyi js mjs ts tsx jsx java c h cc cpp hpp cs go rs rb php swift kt kts scala sh bash ps1 bat sql
r m lua pl html htm css scss xml json jsonl yaml yml toml ini cfg conf properties gradle dockerfile makefile
cmake vue svelte dart ipynb tex diff patch"""
CODE = frozenset(_CODE.split())
SAMPLE = 64 * 1024
MOST_CONTROL = 0.005  # of the characters: a log has some colours, a picture has hundreds


def kind_of(name: str) -> Kind:
    ending = PurePath(name.lower()).suffix.removeprefix(".") or name.lower()
    if ending in ("md", "markdown"):
        return "markdown"
    if ending in ("csv", "tsv"):
        return "csv"
    return "code" if ending in CODE else "text"


def read(data: bytes) -> tuple[int, Iterator[str]]:
    """The text as its one part. Unreadable when it is none."""
    text = _decode(data)
    control = sum(1 for one in text[:SAMPLE] if one < " " and one not in "\t\n\r\f\x1b")
    if "\x00" in text or control > MOST_CONTROL * len(text[:SAMPLE]):
        raise Unreadable("unknown")
    return 1, iter((text,))


def _decode(data: bytes) -> str:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _tried(data, encoding)
    if 0 in data[:SAMPLE]:
        even, odd = data[:SAMPLE:2].count(0), data[1:SAMPLE:2].count(0)
        if min(even, odd) * 10 < max(even, odd):  # Latin letters in UTF-16 leave every other byte empty
            return _tried(data, "utf-16-le" if odd > even else "utf-16-be", "unknown")
        raise Unreadable("unknown")
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("unknown")


def _tried(data: bytes, encoding: str, otherwise: Refusal = "damaged") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable(otherwise) from None
