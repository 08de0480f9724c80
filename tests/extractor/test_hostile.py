"""Files made to hurt whoever opens them: each ends with a text or a reason, and none fetches anything."""

import io
import random
import struct
import zipfile
from collections.abc import Callable, Mapping

import pytest

from appliance.extractor import process
from appliance.protocol.extraction import Extract, Extracted, Refused
from tests.extractor import compound_file, documents
from tests.extractor.documents import TEXT, zip_of

DOCX, XLSX, PPTX = (
    documents.docx_file(TEXT),
    documents.xlsx_file({"S": [["a"]]}),
    documents.pptx_file([("t", "b", "")]),
)
HWPX, HWP = documents.hwpx_file(TEXT), documents.hwp_file([TEXT])
FORM = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
WORD = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
Outcome = str
"""A refusal's reason, or what the text begins with after "text:"."""


def outcome(data: bytes) -> Outcome:
    *_, last = process.read(Extract("file", data))
    if isinstance(last, Refused):
        return last.reason
    assert isinstance(last, Extracted)
    return f"text:{last.parts[0][:20]}"


def pdf_of(bodies: Mapping[int, bytes]) -> bytes:
    """A PDF of these objects, the first of them its catalogue."""
    out, places = b"%PDF-1.7\n", {}
    for number, body in bodies.items():
        places[number] = len(out)
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    top, start = max(bodies) + 1, len(out)
    rows = [f"{places[n]:010} 00000 n \n" if n in places else "0000000000 65535 f \n" for n in range(top)]
    end = f"trailer\n<< /Size {top} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return out + f"xref\n0 {top}\n{''.join(rows)}{end}".encode()


def stream(data: bytes, entries: str = "") -> bytes:
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def page(content: bytes, entries: str = "", **objects: bytes) -> bytes:
    """One page with a font F and, as x6, x7 and so on, more objects."""
    resources = b"/Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >>"
    return pdf_of(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R " + resources + b" >>",
            4: stream(content, entries),
            5: FONT,
            **{int(name[1:]): body for name, body in objects.items()},
        }
    )


def pages(entries: bytes) -> bytes:
    return pdf_of({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages " + entries + b" >>"})


def recursive_form() -> bytes:
    resources = f"{FORM} << /XObject << /X 6 0 R >> /Font << /F 5 0 R >> >>"
    return page(b"/X Do", x6=stream(b"/X Do BT /F 9 Tf (around) Tj ET", resources))


def member(archive: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(name)


def directory(archive: bytes) -> tuple[int, list[bytearray]]:
    """Where a zip's directory begins, and its entries."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        at = begin = opened.start_dir
    entries = []
    while archive[at : at + 4] == b"PK\x01\x02":
        size = 46 + sum(struct.unpack("<HHH", archive[at + 28 : at + 34]))
        entries.append(bytearray(archive[at : at + size]))
        at += size
    return begin, entries


def with_directory(archive: bytes, begin: int, entries: list[bytearray]) -> bytes:
    listed = b"".join(entries)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(listed), begin, 0)
    return archive[:begin] + listed + end


def lying_about_a_size() -> bytes:
    made = zip_of({"word/document.xml": b"<w>" + b" " * 9_000_000}, DOCX)
    begin, entries = directory(made)
    for entry in entries:
        if b"word/document.xml" in entry:
            entry[24:28] = struct.pack("<I", 1000)
    return with_directory(made, begin, entries)


def one_member_many_times() -> bytes:
    made = zip_of({"a.xml": b"<a>" + b" " * 1_000_000 + b"</a>"}, DOCX)
    begin, entries = directory(made)
    return with_directory(made, begin, [*entries, *([entries[-1]] * 500)])


def two_of_one_name() -> bytes:
    buffer = io.BytesIO(DOCX)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("word/document.xml", b'<!DOCTYPE w [<!ENTITY x "y">]><w>&x;</w>')
    return buffer.getvalue()


def main_part_elsewhere() -> bytes:
    """The types and relations say that the document is in a part whose name does not look like XML."""
    parts = {name: member(DOCX, name).replace(b"word/document.xml", b"word/document.bin") for name in LINKS}
    return zip_of({**parts, "word/document.bin": b'<!DOCTYPE w [<!ENTITY x "y">]>' + WORD}, DOCX)


LINKS = ("[Content_Types].xml", "_rels/.rels")


def sheet(rows: bytes) -> bytes:
    return zip_of({"xl/worksheets/sheet1.xml": SHEET + rows + b"</sheetData></worksheet>"}, XLSX)


def many_of_one_slide() -> bytes:
    shown = member(PPTX, "ppt/presentation.xml")
    begin = shown.index(b"<p:sldId ")
    slide = shown[begin : shown.index(b"/>", begin) + 2]
    return zip_of({"ppt/presentation.xml": shown.replace(slide, slide * 5000)}, PPTX)


def header(offset: int, value: bytes, seed: bytes = HWP) -> bytes:
    return seed[:offset] + value + seed[offset + len(value) :]


def hwp_section(section: bytes) -> bytes:
    head = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, 0).ljust(224, b"\0")
    info = struct.pack("<I", 0x10 | 26 << 20) + struct.pack("<H", 1).ljust(26, b"\0")
    return compound_file.write({"FileHeader": head, "DocInfo": info, "BodyText/Section0": section})


def looping_directory() -> bytes:
    """Every entry is its neighbours' child and sibling."""
    at = (struct.unpack("<I", HWP[48:52])[0] + 1) * 512
    made = HWP
    for entry in range(4):
        made = header(at + entry * 128 + 68, struct.pack("<III", 0, 1, 1), made)
    return made


FILES: dict[str, tuple[Callable[[], bytes], set[Outcome]]] = {
    "pages that hold themselves": (lambda: pages(b"/Count 5 /Kids [2 0 R 2 0 R]"), {"empty", "damaged"}),
    "two milliard pages": (lambda: pages(b"/Count 2000000000 /Kids []"), {"empty", "damaged"}),
    "a form that draws itself": (recursive_form, {"text:around"}),
    "arrays in arrays": (lambda: page(b"[" * 500_000), {"empty"}),
    "a stream from a file": (lambda: page(b"x", "/F (/etc/passwd) /FFilter /None"), {"empty"}),
    "an action that calls": (lambda: documents.calling_pdf("http://127.0.0.1:9/"), {f"text:{TEXT}"}),
    "a table that loops": (lambda: documents.pdf([TEXT], "/Prev 9"), {f"text:{TEXT}"}),
    "a size of two milliards": (
        lambda: documents.pdf([TEXT]).replace(b"/Size ", b"/Size 2147483647 /Old "),
        {f"text:{TEXT}"},
    ),
    "a template that calls": (lambda: documents.calling_docx("http://127.0.0.1:9/"), {f"text:{TEXT}"}),
    "a member that lies about its size": (lying_about_a_size, {"damaged"}),
    "one member five hundred times": (one_member_many_times, {"too_big"}),
    "two members of one name": (two_of_one_name, {"damaged"}),
    "a main part that is no .xml": (main_part_elsewhere, {"damaged"}),
    "a member that climbs": (
        lambda: zip_of({"../../../tmp/x.xml": b"<a/>"}, HWPX),
        {f"text:{TEXT}", "damaged"},
    ),
    "tables in tables": (
        lambda: zip_of(
            {
                "word/document.xml": WORD
                + b"<w:tbl><w:tr><w:tc>" * 60
                + b"<w:p><w:r><w:t>deep</w:t></w:r></w:p>"
                + b"</w:tc></w:tr></w:tbl>" * 60
                + b"</w:body></w:document>"
            },
            DOCX,
        ),
        {"text:deep |  |  |  |  |  "},
    ),
    "a hundred thousand attributes": (
        lambda: zip_of(
            {
                "word/document.xml": WORD
                + b"<w:p "
                + b" ".join(b'a%d="1"' % number for number in range(100_000))
                + b"/></w:body></w:document>"
            },
            DOCX,
        ),
        {"empty", "damaged"},
    ),
    "a row beyond all rows": (
        lambda: sheet(b'<row r="99999999999999999999"><c r="ZZZZZZZ9999999999"><v>1</v></c></row>'),
        {"damaged"},
    ),
    "a number of a hundred thousand digits": (
        lambda: sheet(b'<row r="1"><c r="A1"><v>' + b"9" * 100_000 + b"</v></c></row>"),
        {"damaged"},
    ),
    "a date that no calendar has": (
        lambda: sheet(b'<row r="1"><c r="A1" t="d"><v>9999999999999-01-01</v></c></row>'),
        {"damaged"},
    ),
    "sheets in sheets": (lambda: sheet(b"<sheetData>" * 50_000), {"damaged"}),
    "five thousand times one slide": (many_of_one_slide, {"text:t\nb"}),
    "sectors that follow themselves": (
        lambda: header(512, struct.pack("<128I", *range(128))),
        {"damaged"},
    ),
    "sectors in a ring": (lambda: header(512, struct.pack("<128I", *([1] * 128))), {"damaged"}),
    "two milliard tables of sectors": (lambda: header(44, struct.pack("<I", 0x7FFFFFFF)), {"damaged"}),
    "a list of tables without end": (lambda: header(68, struct.pack("<II", 0, 0x7FFFFFFF)), {"damaged"}),
    "a directory in a ring": (looping_directory, {"damaged"}),
    "sectors of one byte": (lambda: header(30, struct.pack("<H", 0)), {"damaged"}),
    "sectors larger than anything": (lambda: header(30, struct.pack("<H", 60_000)), {"damaged"}),
    "a record longer than its stream": (
        lambda: hwp_section(struct.pack("<II", 0x42 | 0xFFF << 20, 0xFFFFFFFF) + b"x" * 50),
        {"empty", "damaged"},
    ),
    "a file that is two": (lambda: DOCX + documents.pdf([TEXT]), {f"text:{TEXT}"}),
    "a picture in front of a document": (lambda: b"GIF89a" + DOCX, {"unknown"}),
    "half letters": (lambda: b"\xff\xfe" + b"\x00\xd8" * 1000, {"damaged"}),
    "colours of a terminal": (lambda: b"\x1b]0;title\x07 text " * 100, {"unknown"}),
}


@pytest.mark.parametrize(("make", "allowed"), FILES.values(), ids=FILES)
def test_it_is_read_or_refused_and_that_is_all(make: Callable[[], bytes], allowed: set[Outcome]) -> None:
    assert outcome(make()) in allowed


def test_a_broken_pdf_after_a_locked_one_is_not_called_locked() -> None:
    assert outcome(documents.locked_pdf()) == "encrypted"
    assert outcome(pages(b"/Count 2000000000 /Kids []")) in {"empty", "damaged"}


@pytest.mark.parametrize("seed", [documents.pdf([TEXT] * 3), DOCX, XLSX, PPTX, HWPX, HWP], ids=len)
def test_what_the_line_damaged_is_read_or_refused(seed: bytes) -> None:
    chance = random.Random(5)  # noqa: S311 - the same damage every time
    for _ in range(12):
        made = bytearray(seed)
        for _ in range(max(3, len(made) // 400)):
            made[chance.randrange(8, len(made))] = chance.randrange(256)
        assert outcome(bytes(made))
