"""XLSX through openpyxl: a part for each visible sheet, a line for each row that has something in it.

The cells are taken from openpyxl's own row parser: its worksheets fill the gaps between two cells with
empty ones, a million rows of them where a file has a stray cell at the end.
"""

import io
from collections.abc import Iterator
from typing import Any

from openpyxl import load_workbook
from openpyxl.worksheet._reader import WorkSheetParser

from appliance.protocol.extraction import MAX_TEXT


def sheets(data: bytes) -> tuple[int, Iterator[str]]:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    shown = [one for one in book.worksheets if one.sheet_state == "visible"]
    return len(shown), (_text(one) for one in shown)


def _text(sheet: Any) -> str:
    lines = [f"[{sheet.title}]"]
    size = 0
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=sheet.parent.epoch,
            date_formats=sheet.parent._date_formats,
            timedelta_formats=sheet.parent._timedelta_formats,
        )
        for _, row in parser.parse():
            line = " | ".join(_shown(cell["value"]) for cell in row if cell["value"] is not None)
            if line:
                lines.append(line)
                size += len(line) + 1
            if size > MAX_TEXT:
                break
    return "\n".join(lines) if len(lines) > 1 else ""


def _shown(value: object) -> str:
    text = str(value)
    return " ".join(text.split()).removesuffix(" 00:00:00")
