"""Every kind of document becomes its text; every hostile or odd one is refused with its reason."""

import io
import zipfile
from collections.abc import Callable

import pytest

from appliance.extractor import compound, process
from appliance.protocol.extraction import MAX_PARTS, MAX_TEXT, Extract, Extracted, Reading, Refused
from tests.extractor import compound_file, documents
from tests.extractor.documents import TEXT


def read(data: bytes, name: str = "file") -> Extracted | Refused:
    *_, last = process.read(Extract(name, data))
    assert not isinstance(last, Reading)
    return last


def parts(data: bytes, name: str = "file") -> tuple[str, ...]:
    found = read(data, name)
    assert isinstance(found, Extracted), found
    return found.parts


def reason(data: bytes, name: str = "file") -> str:
    found = read(data, name)
    assert isinstance(found, Refused), found
    return found.reason


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949", "euc-kr"]
)
def test_text_is_read_in_every_encoding_of_an_office(encoding: str) -> None:
    text = (
        "report 2026\nline two, all of it in plain letters 회의록"
        if "16-" in encoding
        else f"{TEXT}\n둘째 줄"
    )
    assert parts(text.encode(encoding)) == (text,)


def test_text_is_composed_and_its_line_ends_are_ours() -> None:
    assert parts("한글\r\nx \r".encode()) == ("한글\nx",)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.MD", "markdown"), ("b.csv", "csv"), ("c.py", "code"), ("d.log", "text")]
)
def test_the_name_says_only_which_kind_of_text_it_is(name: str, kind: str) -> None:
    found = read(b"a,b", name)
    assert isinstance(found, Extracted)
    assert found.kind == kind
    pdf = read(documents.pdf([TEXT]), name)
    assert isinstance(pdf, Extracted)
    assert pdf.kind == "pdf"


def test_a_pdf_has_its_pages() -> None:
    found = read(documents.pdf([TEXT, "둘째 쪽", "three"]))
    assert found == Extracted("pdf", (TEXT, "둘째 쪽", "three"), "page", 3)


def test_a_docx_has_its_paragraphs_and_tables_in_their_order() -> None:
    made = documents.docx_file(TEXT, table=[["이름", "값"], ["책상", "1\n2"]])
    assert parts(made) == (f"{TEXT}\n이름 | 값\n책상 | 1 2",)


def test_an_xlsx_has_its_visible_sheets_and_no_gaps() -> None:
    far = [["끝"]]
    made = documents.xlsx_file({"예산": [["항목", "금액"], ["책상", 120000]], "비밀": far}, hidden="비밀")
    assert parts(made) == ("[예산]\n항목 | 금액\n책상 | 120000",)


def test_a_stray_cell_at_the_end_of_a_sheet_costs_nothing() -> None:
    made = documents.xlsx_file({"S": [["a"]]})
    sheet = b"""<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
        <row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>
        </sheetData></worksheet>"""
    assert parts(documents.zip_of({"xl/worksheets/sheet1.xml": sheet}, made)) == ("[S]\n1\n2",)


def test_a_pptx_has_its_slides_with_the_notes() -> None:
    made = documents.pptx_file([("제목", "본문", "메모"), ("둘", "끝", "")])
    assert parts(made) == ("제목\n본문\n\n[Notes] 메모", "둘\n끝")


def test_a_hwpx_has_its_text() -> None:
    assert parts(documents.hwpx_file(TEXT, "둘째 문단")) == (f"{TEXT}\n둘째 문단",)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_hwp_has_its_sections(compressed: bool) -> None:
    made = documents.hwp_file([TEXT, "둘째"], ["다음 구역"], compressed=compressed)
    assert read(made) == Extracted("hwp", (f"{TEXT}\n\n둘째", "다음 구역"), "section", 2)


def locked_hwpx() -> bytes:
    manifest = b'<m:manifest xmlns:m="urn:x"><m:encryption-data/></m:manifest>'
    return documents.zip_of({"META-INF/manifest.xml": manifest}, documents.hwpx_file(TEXT))


def locked_zip() -> bytes:
    data = bytearray(documents.docx_file(TEXT))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


@pytest.mark.parametrize(
    "made",
    [
        documents.locked_pdf,
        lambda: compound_file.write({"EncryptedPackage": b"x" * 99, "EncryptionInfo": b"1"}),
        locked_hwpx,
        locked_zip,
        lambda: documents.hwp_file([TEXT], flags=1 << 1),
        lambda: documents.hwp_file([TEXT], flags=1 << 4),
    ],
    ids=["pdf", "docx", "hwpx", "zip", "hwp with a password", "hwp with DRM"],
)
def test_what_a_password_or_drm_protects_is_refused_as_such(made: Callable[[], bytes]) -> None:
    assert reason(made()) == "encrypted"


ENTITY = b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><w>&x;</w>'
LAUGHS = b'<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><w>&b;&b;</w>'


@pytest.mark.parametrize("xml", [ENTITY, LAUGHS, ENTITY.decode().encode("utf-16")])
@pytest.mark.parametrize("part", ["word/document.xml", "customXml/item1.xml", "_rels/.rels"])
def test_a_document_type_is_refused_wherever_it_stands(xml: bytes, part: str) -> None:
    assert reason(documents.zip_of({part: xml}, documents.docx_file(TEXT))) == "damaged"


def test_an_encoding_in_which_a_document_type_could_hide_is_refused() -> None:
    hidden = b'<?xml version="1.0" encoding="utf-7"?><w/>'
    assert reason(documents.zip_of({"word/document.xml": hidden}, documents.docx_file(TEXT))) == "damaged"


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-16-le", "cp037"])
@pytest.mark.parametrize("part", ["word/document.xml", "word/document.bin"])
def test_a_document_type_cannot_hide_in_an_encoding_or_behind_a_name(encoding: str, part: str) -> None:
    assert reason(documents.zip_of({part: ENTITY.decode().encode(encoding)}, documents.docx_file(TEXT))) == (
        "damaged"
    )


def test_a_part_that_is_no_xml_is_left_alone() -> None:
    made = documents.zip_of({"word/vbaProject.bin": b"\xd0\xcf\x11\xe0<!DOCTYPE"}, documents.docx_file(TEXT))
    assert parts(made) == (TEXT,)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = b"<w>" + b" " * (33 * 1024 * 1024)
    assert reason(documents.zip_of({"word/document.xml": bomb}, documents.docx_file(TEXT))) == "too_big"


def test_too_many_members_are_refused() -> None:
    many = {f"x{number}.bin": b"" for number in range(10_001)}
    assert reason(documents.zip_of(many, documents.docx_file(TEXT))) == "too_big"


def test_a_hwp_stream_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = documents.hwp_file([TEXT] * 200)
    monkeypatch.setattr(compound, "MOST_STREAM", 4000)
    assert reason(made) == "too_big"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (documents.pdf([" "]), "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "unknown"),
        (b"MZ" + bytes(range(256)) * 8, "unknown"),
        (documents.zip_of({"a.txt": b"x"}), "unknown"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"%PDF-1.7 and then nothing", "damaged"),
        (documents.pdf([TEXT])[:300], "damaged"),
        (documents.docx_file(TEXT)[:-200], "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "damaged"),
        (compound_file.write({"WordDocument": b"x" * 100}), "old_format"),
        (compound_file.write({"Anything": b"x" * 100}), "unknown"),
        (b"HWP Document File V3.00 \x1a", "old_format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, why: str) -> None:
    assert reason(data) == why


def test_a_docx_whose_xml_is_broken_is_damaged() -> None:
    broken = documents.zip_of({"word/document.xml": b"<w:document"}, documents.docx_file(TEXT))
    assert reason(broken) == "damaged"


def test_elements_that_lie_deep_in_each_other_end_nobody() -> None:
    deep = documents.hwpx_file(TEXT)
    with zipfile.ZipFile(io.BytesIO(deep)) as archive:
        name = next(one for one in archive.namelist() if "section0" in one)
    xml = b"<s>" * 100_000 + b"</s>" * 100_000
    assert read(documents.zip_of({name: xml}, deep)) in (
        Refused("damaged"),
        Refused("empty"),
        Refused("too_big"),
    )


def test_more_text_than_may_leave_is_cut_and_said_so() -> None:
    found = read(b"x" * (MAX_TEXT + 5))
    assert isinstance(found, Extracted)
    assert found.cut
    assert len(found.parts[0]) == MAX_TEXT


def test_more_pages_than_are_read_are_counted() -> None:
    found = read(documents.pdf(["p"] * (MAX_PARTS + 1)))
    assert isinstance(found, Extracted)
    assert (len(found.parts), found.total, found.cut) == (MAX_PARTS, MAX_PARTS + 1, True)
