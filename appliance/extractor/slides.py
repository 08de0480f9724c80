"""PPTX through python-pptx: a part for each slide, the speaker's notes below it."""

import io
from collections.abc import Iterator

from pptx import Presentation

from appliance.extractor.flatten import flatten, joined


def slides(data: bytes) -> tuple[int, Iterator[str]]:
    found = Presentation(io.BytesIO(data)).slides
    return len(found), (joined(_texts(one)) for one in found)


def _texts(slide: object) -> Iterator[str]:
    yield flatten(slide.shapes.element)  # type: ignore[attr-defined]  # python-pptx carries no types
    if slide.has_notes_slide:  # type: ignore[attr-defined]  # as above
        notes = slide.notes_slide.notes_text_frame  # type: ignore[attr-defined]  # as above
        if notes is not None and notes.text.strip():
            yield f"[Notes] {notes.text}"
