"""The ten main pages at three widths in both themes: nothing cut off, nothing on top of anything else.

`pytest tests/browser/test_gallery.py --screenshots` (or `make screenshots`) writes them to docs/screenshots.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from appliance.core import Role
from tests.browser.gallery import THEMES, WIDTHS, Shot, faults, shots
from tests.browser.office import serve, tell
from tests.browser.test_chat import ask
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import House

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
QUALITY = 80


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[str, str]]:
    """A house of its own for all pictures: its address, and a session's cookie."""
    house = House(tell)
    with serve(house) as url:
        yield url, house.person("김하나", *Role)[1]
    house.close()


@pytest.fixture(scope="module")
def conversation(place: tuple[str, str], browser: Browser) -> str:
    """The address of a conversation with one answer."""
    with open_page(browser, place[0]) as (page, _watch):
        page.context.add_cookies([{"name": "naesil", "value": place[1], "url": place[0]}])
        for text in ("분기 보고서 초안", "지난주 회의를 정리해 줘"):
            page.goto("/chat")
            ask(page, text)
            expect(page.locator("article.answer[data-state=done]")).to_be_visible()
        return page.url.removeprefix(place[0])


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_no_main_page_has_overlapping_or_clipped_parts(
    browser: Browser, place: tuple[str, str], conversation: str, width: int, height: int, theme: str,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    keep = bool(request.config.getoption("--screenshots"))
    size = {"width": width, "height": height}
    with open_page(browser, place[0], viewport=size, color_scheme=theme) as (page, _watch):
        page.goto("/sign-in")
        _check(page, Shot("sign-in", "/sign-in"), f"{width}-{theme}", keep=keep)
        page.context.add_cookies([{"name": "naesil", "value": place[1], "url": place[0]}])
        for shot in shots(conversation):
            page.goto(shot.address)
            shot.ready(page)
            _check(page, shot, f"{width}-{theme}", keep=keep)


def _check(page: Page, shot: Shot, kind: str, *, keep: bool) -> None:
    if keep:
        FOLDER.mkdir(exist_ok=True)
        picture = Image.open(BytesIO(page.screenshot(animations="disabled", caret="hide")))
        picture.save(FOLDER / f"{shot.name}-{kind}.webp", quality=QUALITY, method=6)
    assert sideways_scroll(page) == 0, shot.name
    assert faults(page) == [], shot.name
