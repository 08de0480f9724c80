"""A zip of XML (OOXML, HWPX), looked through before any library sees it.

What is XML is told by how a member begins: which of them a library parses, the file itself says.
Sizes are those that the directory declares; zipfile never unpacks a member beyond its own.
"""

import io
import re
import zipfile
from typing import Literal

from appliance.extractor.faults import Unreadable

MOST_MEMBERS = 10_000
MOST_XML = 32 * 1024 * 1024
MOST_STREAM = 64 * 1024 * 1024
MOST_TOGETHER = 200 * 1024 * 1024
XML_ENDINGS = (".xml", ".rels", ".hpf", ".vml", ".rdf")
ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
ENCODINGS = (b"utf-8", b"utf-16", b"us-ascii", b"ascii")
HEAD = 64  # bytes of a member that tell whether it is XML
MARKS_AND_BLANKS = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
EBCDIC = b"\x4c\x6f\xa7\x94"  # "<?xm", which libxml2 would read without being told (XML 1.0, appendix F)
ENCRYPTED = 1  # general purpose bit 0

PackageKind = Literal["docx", "xlsx", "pptx", "hwpx"]
MAIN: tuple[tuple[str, PackageKind], ...] = (
    ("word/document.xml", "docx"),
    ("xl/workbook.xml", "xlsx"),
    ("ppt/presentation.xml", "pptx"),
    ("Contents/content.hpf", "hwpx"),
)


def kind_of(data: bytes) -> PackageKind:
    """Unreadable for other zips, and for those that are protected, too large or not as they should be."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_sizes(members)
            names = {one.filename for one in members}
            kind = next((kind for name, kind in MAIN if name in names), None)
            if kind is None:
                raise Unreadable("unknown")
            for one in members:
                if _is_xml(archive, one):
                    _check_xml(archive.read(one))
            if kind == "hwpx":
                _check_manifest(archive, names)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError):
        raise Unreadable("damaged") from None
    return kind


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    if any(one.flag_bits & ENCRYPTED for one in members):
        raise Unreadable("encrypted")
    if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > MOST_TOGETHER:
        raise Unreadable("too_big")
    for one in members:
        xml = one.filename.lower().endswith(XML_ENDINGS)
        if one.file_size > (MOST_XML if xml else MOST_STREAM):
            raise Unreadable("too_big")


def _is_xml(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    if member.filename.lower().endswith(XML_ENDINGS):
        return True
    with archive.open(member) as opened:
        head = opened.read(HEAD)
    if not head.startswith(EBCDIC) and not head.lstrip(MARKS_AND_BLANKS).startswith(b"<"):
        return False
    if member.file_size > MOST_XML:
        raise Unreadable("too_big")
    return True


def _check_xml(xml: bytes) -> None:
    """No document type, so no entities, in an encoding in which that can be seen."""
    if xml[:2] in (b"\xff\xfe", b"\xfe\xff"):
        xml = xml.decode("utf-16", "replace").encode()
    readable = not xml.strip() or xml.lstrip(MARKS_AND_BLANKS).startswith(b"<")
    declared = ENCODING.search(xml[:256])
    known = declared is None or declared[1].lower() in ENCODINGS
    if b"\x00" in xml or not readable or not known or b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise Unreadable("damaged")


def _check_manifest(archive: zipfile.ZipFile, names: set[str]) -> None:
    """OWPML keeps what it encrypted in the manifest (KS X 6101)."""
    if "META-INF/manifest.xml" in names and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise Unreadable("encrypted")
