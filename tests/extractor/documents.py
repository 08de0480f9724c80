"""One document of each kind, small, made by the real libraries where they can write and by hand where not."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import docx
import openpyxl
import pptx
from hwpx import HwpxDocument

from tests.extractor import compound_file

TEXT = "내실 회의록 2026"


def pdf(pages: Sequence[str], extra: str = "") -> bytes:
    """A page for each text, in one font that knows Hangul by a ToUnicode map. `extra`: into the trailer."""
    letters = sorted(set("".join(pages)))
    codes = {letter: number for number, letter in enumerate(letters, 1)}
    count = len(pages)
    kids = " ".join(f"{10 + 2 * number} 0 R" for number in range(count))
    bodies: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {count} /Kids [{kids}] >>".encode(),
        3: b"<< /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H /DescendantFonts [4 0 R] "
        b"/ToUnicode 6 0 R >>",
        4: b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /DW 1000 /FontDescriptor 5 0 R "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>",
        5: b"<< /Type /FontDescriptor /FontName /Any /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 "
        b"/Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
        6: _stream(_to_unicode(codes)),
    }
    for number, text in enumerate(pages):
        hexadecimal = "".join(f"{codes[letter]:04x}" for letter in text)
        bodies[10 + 2 * number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {11 + 2 * number} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        ).encode()
        bodies[11 + 2 * number] = _stream(f"BT /F 12 Tf 50 700 Td <{hexadecimal}> Tj ET".encode())
    out, places = b"%PDF-1.4\n", {}
    for number, body in bodies.items():
        places[number] = len(out)
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    top = max(bodies) + 1
    rows = [f"{places[n]:010} 00000 n \n" if n in places else "0000000000 65535 f \n" for n in range(top)]
    start = len(out)
    out += f"xref\n0 {top}\n{''.join(rows)}trailer\n<< /Size {top} /Root 1 0 R {extra} >>\n".encode()
    return out + f"startxref\n{start}\n%%EOF\n".encode()


def locked_pdf() -> bytes:
    """One that says it opens with a password, which nobody has."""
    secret = "ab" * 32
    encrypt = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{secret}> /U <{secret}> /P -4 >>"
    return pdf([TEXT], f"{encrypt} /ID [<{secret[:32]}> <{secret[:32]}>]")


def calling_pdf(url: str) -> bytes:
    """One that asks whoever opens it to fetch an address."""
    action = f"/OpenAction << /S /URI /URI ({url}) >>".encode()
    return pdf([TEXT]).replace(b"/Type /Catalog", b"/Type /Catalog " + action)


def calling_docx(url: str) -> bytes:
    """One whose template lies at an address."""
    made = docx_file(TEXT)
    name = "word/_rels/document.xml.rels"
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        relations = archive.read(name)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"
    more = f'<Relationship Id="rX" Type="{kind}" Target="{url}" TargetMode="External"/></Relationships>'
    return zip_of({name: relations.replace(b"</Relationships>", more.encode())}, made)


def docx_file(*paragraphs: str, table: Sequence[Sequence[str]] = ()) -> bytes:
    document = docx.Document()
    for one in paragraphs:
        document.add_paragraph(one)
    if table:
        grid = document.add_table(len(table), len(table[0]))
        for row, cells in enumerate(table):
            for column, text in enumerate(cells):
                grid.cell(row, column).text = text
    return _saved(document.save)


def xlsx_file(sheets: Mapping[str, Sequence[Sequence[object]]], hidden: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if title == hidden else "visible"
    return _saved(book.save)


def pptx_file(slides: Sequence[tuple[str, str, str]]) -> bytes:
    """(title, text, speaker's notes) for each."""
    show = pptx.Presentation()
    for title, text, notes in slides:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    return _saved(show.save)


def hwpx_file(*paragraphs: str) -> bytes:
    document = HwpxDocument.new()
    for one in paragraphs:
        document.add_paragraph(one)
    return _saved(document.save_to_stream)


def hwp_file(*sections: Sequence[str], compressed: bool = True, flags: int = 0) -> bytes:
    """HWP 5.0: a section for each sequence of paragraphs. `flags`: more bits of the header's properties."""
    streams = {
        "FileHeader": b"HWP Document File".ljust(32, b"\0")
        + struct.pack("<II", 0x05000300, int(compressed) | flags).ljust(224, b"\0"),
        "DocInfo": _record(0x10, 0, struct.pack("<H", len(sections)).ljust(26, b"\0"))
        + _record(0x11, 0, bytes(72)),
    }
    for number, paragraphs in enumerate(sections):
        streams[f"BodyText/Section{number}"] = b"".join(_paragraph(one) for one in paragraphs)
    if compressed:
        packed = {name: _deflated(data) for name, data in streams.items() if name != "FileHeader"}
        streams |= packed
    return compound_file.write(streams)


def zip_of(members: Mapping[str, bytes], like: bytes = b"") -> bytes:
    """A zip; with `like` that one, with these members in place of its own."""
    kept: dict[str, bytes] = {}
    if like:
        with zipfile.ZipFile(io.BytesIO(like)) as old:
            kept = {name: old.read(name) for name in old.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (kept | dict(members)).items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _paragraph(text: str) -> bytes:
    letters = (text + "\r").encode("utf-16-le")
    head = struct.pack("<IIHBBHHHIH", len(letters) // 2, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    return _record(0x42, 0, head) + _record(0x43, 1, letters) + _record(0x44, 1, bytes(8))


def _record(tag: int, level: int, data: bytes) -> bytes:
    return struct.pack("<I", tag | level << 10 | len(data) << 20) + data


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _stream(data: bytes) -> bytes:
    return f"<< /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _to_unicode(codes: Mapping[str, int]) -> bytes:
    rows = "\n".join(f"<{code:04x}> <{ord(letter):04x}>" for letter, code in codes.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <ffff> endcodespacerange\n{len(codes)} beginbfchar\n{rows}\n"
        "endbfchar\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode()


def _saved(save: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer)  # type: ignore[operator]  # each library's own way to write to a stream
    return buffer.getvalue()
