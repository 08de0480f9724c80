"""The real child: behind its closed jail it reads every kind, and what goes wrong ends it alone."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.config import Settings
from appliance.protocol.extraction import Extract, Extracted, FromExtractor, Reading, Refused
from appliance.protocol.framing import Decoder, encode
from appliance.supervisor import children
from appliance.supervisor.spec import ChildSpec, ReportLine
from tests.extractor import documents
from tests.extractor.documents import TEXT


class Extractor:
    """One child, started as a launcher would."""

    def __init__(self, data: Path) -> None:
        self.line, theirs = socket.socketpair()
        self.status, their_status = socket.socketpair()
        settings = Settings(data=data, guard="kernel").without_database()
        spec = ChildSpec(
            role="extractor", settings=settings, status=their_status.fileno(), peer=theirs.fileno()
        )
        self._output, output = os.pipe()
        self.process = children.spawn(spec, output)
        os.close(output)
        theirs.close()
        their_status.close()

    def read(self, name: str, data: bytes) -> Extracted | Refused | None:
        """Its last word; None when it ended without one."""
        with suppress(OSError):
            self.line.sendall(encode(Extract(name, data)))
        decoder: Decoder[FromExtractor] = Decoder(FromExtractor)
        last: FromExtractor | None = None
        with suppress(OSError):
            while received := self.line.recv(65536):
                for last in decoder.feed(received):  # noqa: B007 - only the last word counts
                    pass
        return None if isinstance(last, Reading) else last

    def guard(self) -> str:
        reports = ReportLine().feed(self.status.recv(65536))
        return reports[0].guard

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.line.close()
        self.status.close()
        os.close(self._output)


@pytest.fixture
def extractor(tmp_path: Path) -> Iterator[Extractor]:
    one = Extractor(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", TEXT.encode("cp949")),
        ("a.pdf", documents.pdf([TEXT])),
        ("a.docx", documents.docx_file(TEXT)),
        ("a.xlsx", documents.xlsx_file({"S": [[TEXT]]})),
        ("a.pptx", documents.pptx_file([(TEXT, "x", "y")])),
        ("a.hwpx", documents.hwpx_file(TEXT)),
        ("a.hwp", documents.hwp_file([TEXT])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_is_read_behind_the_closed_jail(extractor: Extractor, name: str, data: bytes) -> None:
    found = extractor.read(name, data)
    assert isinstance(found, Extracted)
    assert TEXT in found.parts[0]
    assert extractor.guard() == "kernel"
    assert extractor.process.wait() == 0


def test_one_that_is_killed_leaves_no_word(extractor: Extractor) -> None:
    extractor.status.recv(65536)  # its jail is closed
    extractor.process.send_signal(signal.SIGKILL)
    assert extractor.read("a.txt", b"x") is None


def test_one_that_needs_too_much_memory_says_so_or_ends(extractor: Extractor) -> None:
    rows = b"".join(b'<row r="%d"><c r="A1"><v>1</v></c></row>' % number for number in range(1, 1000))
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>' + rows
    made = documents.zip_of({"xl/worksheets/sheet1.xml": sheet}, documents.xlsx_file({"S": [["a"]]}))
    assert extractor.read("a.xlsx", made) in (Refused("damaged"), Refused("too_big"), None)


def test_what_is_no_order_ends_it(extractor: Extractor) -> None:
    extractor.line.sendall(b"\xff\xff\xff\xff nonsense")
    assert extractor.line.recv(1) == b""
    assert extractor.process.wait() == 0


def test_nobody_else_loads_what_opens_documents() -> None:
    """Web, supervisor and every child before it takes its role."""
    code = (
        "import sys\n"
        "import appliance.supervisor.web, appliance.supervisor.launch, appliance.supervisor.child\n"
        "import appliance.extractor.process\n"  # one that waits has none of them yet, either
        "opens = {'pypdfium2', 'docx', 'pptx', 'openpyxl', 'hwpx', 'dochan', 'lxml'}\n"
        "print(sorted(opens & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
