"""HWP 5.0, an OLE compound file, through dochan's parsers: a part for each section.

dochan's own reader wants a path, and this process can read none; so its pieces are put together
here over bytes, with caps of our own.
"""

import struct
from collections.abc import Iterator

from dochan import cfb
from dochan.hwp.distdoc import decode_distribution_section
from dochan.hwp.doc_info import DocInfoParser
from dochan.hwp.header import FileHeader
from dochan.hwp.section import SectionParser
from dochan.model.document import Document
from dochan.output.plain_text import to_plain_text
from dochan.utils.bounded_io import BoundedIOError, ByteBudget, read_ole_stream
from dochan.utils.safe_decompress import safe_zlib_decompress

from appliance.extractor.faults import Unreadable

MOST_STREAM = 64 * 1024 * 1024
MOST_TOGETHER = 200 * 1024 * 1024
OFFICE = ("WordDocument", "Workbook", "Book", "PowerPoint Document")
LOCKED = ("EncryptedPackage", "EncryptionInfo")  # how Office keeps a file with a password


def require_hwp(data: bytes) -> None:
    """Unreadable for every other compound file."""
    ole = _open(data)
    if any(ole.exists(name) for name in LOCKED):
        raise Unreadable("encrypted")
    if any(ole.exists(name) for name in OFFICE):
        raise Unreadable("old_format")
    if not ole.exists("FileHeader"):
        raise Unreadable("unknown")


def sections(data: bytes) -> tuple[int, Iterator[str]]:
    ole, budget = _open(data), ByteBudget(MOST_TOGETHER)
    try:
        header = FileHeader.parse(_stream(ole, "FileHeader", budget))
    except (ValueError, struct.error):
        raise Unreadable("damaged") from None
    if header.is_encrypted or header.is_drm or header.has_cert_encrypt or header.has_cert_drm:
        raise Unreadable("encrypted")
    if any(issue.startswith("ERR") for issue in header.validate()):
        raise Unreadable("damaged")
    info = DocInfoParser().parse_stream(_stream(ole, "DocInfo", budget), header.is_compressed)
    names = _names(ole, header.body_storage)
    return len(names), _texts(ole, budget, header, names, SectionParser(doc_info=info))


def _texts(
    ole: cfb.OleFileIO, budget: ByteBudget, header: FileHeader, names: list[str], parser: SectionParser
) -> Iterator[str]:
    for name in names:
        stream = _stream(ole, name, budget)
        if header.is_distribution:
            stream = decode_distribution_section(
                stream, is_compressed=header.is_compressed, max_size=MOST_STREAM, decompress=True
            )
        elif header.is_compressed:
            stream = _inflated(stream)
        section = parser.parse_stream(stream, is_compressed=False)
        yield to_plain_text(Document(sections=[section]))


def _inflated(stream: bytes) -> bytes:
    try:
        plain: bytes = safe_zlib_decompress(stream, max_size=MOST_STREAM)
    except ValueError as error:
        big = "exceeds limit" in str(error)
        raise Unreadable("too_big" if big else "damaged") from None
    return plain


def _names(ole: cfb.OleFileIO, storage: str) -> list[str]:
    found = []
    for path in ole.listdir(streams=True, storages=False):
        name = "/".join(path)
        number = name.removeprefix(f"{storage}/Section")
        if number != name and number.isascii() and number.isdigit():
            found.append((int(number), name))
    if not found:
        raise Unreadable("damaged")
    return [name for _, name in sorted(found)]


def _open(data: bytes) -> cfb.OleFileIO:
    try:
        return cfb.OleFileIO(data)
    except (OSError, ValueError, struct.error):
        raise Unreadable("damaged") from None


def _stream(ole: cfb.OleFileIO, name: str, budget: ByteBudget) -> bytes:
    try:
        stream: bytes = read_ole_stream(ole, name, max_bytes=MOST_STREAM, budget=budget)
    except BoundedIOError:
        raise Unreadable("too_big") from None
    except OSError:
        raise Unreadable("damaged") from None
    return stream
