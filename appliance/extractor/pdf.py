"""PDF through PDFium: a part for each page. A page that is a picture has no text."""

from collections.abc import Iterator

import pypdfium2

from appliance.extractor.faults import Unreadable

LOCKED = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY


def pages(data: bytes) -> tuple[int, Iterator[str]]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        # PDFium keeps the code of an earlier failure when a later one has none of its own
        locked = error.err_code in LOCKED and b"/Encrypt" in data
        raise Unreadable("encrypted" if locked else "damaged") from None
    return len(document), (_text(document, number) for number in range(len(document)))


def _text(document: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return ""  # a page that is not there does not spoil the others
    textpage = page.get_textpage()
    found: str = textpage.get_text_range()
    textpage.close()
    page.close()
    return found
