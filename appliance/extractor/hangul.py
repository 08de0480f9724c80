"""HWPX through python-hwpx: a part for each section of the document."""

import io
import zipfile
from collections.abc import Iterator

from hwpx import TextExtractor

from appliance.extractor.flatten import flatten


def sections(data: bytes) -> tuple[int, Iterator[str]]:
    extractor = TextExtractor(zipfile.ZipFile(io.BytesIO(data)))
    found = list(extractor.iter_sections())
    return len(found), (flatten(one.element) for one in found)
