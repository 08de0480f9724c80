"""A checkpoint on paper: its text and a QR code of the same bytes, for the terminal or as SVG."""

import io

import segno


def as_svg(text: str) -> str:
    """The code as an SVG document."""
    out = io.BytesIO()
    _code(text).save(out, kind="svg", scale=4, title="Checkpoint")
    return out.getvalue().decode()


def sheet(text: str) -> str:
    """Text and code for a terminal that prints Unicode blocks."""
    out = io.StringIO()
    _code(text).terminal(out=out, compact=True)
    return f"{text}\n{out.getvalue()}"


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text.encode(), error="m", boost_error=False)
