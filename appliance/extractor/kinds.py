"""What a file is, by its bytes. The name's ending only says what kind of text a text is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from appliance.extractor import package, plain
from appliance.extractor.faults import Unreadable
from appliance.protocol.extraction import Kind, Unit

Parts = tuple[int, Iterator[str]]
"""How many parts there are, and their texts one by one."""

PDF, OLE, ZIP = b"%PDF-", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"
HWP_3 = b"HWP Document File V3"
LOOK_FOR_PDF = 1024  # bytes before the mark that readers tolerate


@dataclass(frozen=True, slots=True)
class Recognised:
    """A kind, what its parts are called, and how they are read."""

    kind: Kind
    unit: Unit
    open: Callable[[bytes], Parts]


def recognise(name: str, data: bytes) -> Recognised:
    """Unreadable for what we do not read."""
    if not data:
        raise Unreadable("empty")
    if PDF in data[:LOOK_FOR_PDF]:
        return Recognised("pdf", "page", _pdf)
    if data.startswith(OLE):
        from appliance.extractor import compound  # noqa: PLC0415 - each file needs one library of several

        compound.require_hwp(data)
        return Recognised("hwp", "section", compound.sections)
    if data.startswith(HWP_3):
        raise Unreadable("old_format")
    if data.startswith(ZIP):
        return _packaged(data)
    return Recognised(plain.kind_of(name), "", plain.read)


def _packaged(data: bytes) -> Recognised:
    kind = package.kind_of(data)
    if kind == "docx":
        return Recognised("docx", "", _docx)
    if kind == "xlsx":
        return Recognised("xlsx", "sheet", _xlsx)
    if kind == "pptx":
        return Recognised("pptx", "slide", _pptx)
    return Recognised("hwpx", "section", _hwpx)


def _pdf(data: bytes) -> Parts:
    from appliance.extractor import pdf  # noqa: PLC0415 - as above

    return pdf.pages(data)


def _docx(data: bytes) -> Parts:
    from appliance.extractor import word  # noqa: PLC0415 - as above

    return word.text(data)


def _xlsx(data: bytes) -> Parts:
    from appliance.extractor import sheets  # noqa: PLC0415 - as above

    return sheets.sheets(data)


def _pptx(data: bytes) -> Parts:
    from appliance.extractor import slides  # noqa: PLC0415 - as above

    return slides.slides(data)


def _hwpx(data: bytes) -> Parts:
    from appliance.extractor import hangul  # noqa: PLC0415 - as above

    return hangul.sections(data)
