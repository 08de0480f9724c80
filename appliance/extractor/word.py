"""DOCX through python-docx. It has no pages until it is laid out, so it is one part."""

import io
from collections.abc import Iterator

import docx

from appliance.extractor.flatten import flatten


def text(data: bytes) -> tuple[int, Iterator[str]]:
    return 1, iter((flatten(docx.Document(io.BytesIO(data)).element.body),))
