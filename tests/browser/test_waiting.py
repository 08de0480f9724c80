"""What a person is told before the first word of an answer: place in the queue, wait, how much is read."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.sync_api import Browser, expect

from appliance.protocol.messages import Progress, Queued, StreamEvent
from tests.browser.office import serve, tell
from tests.browser.test_chat import ask
from tests.browser.watch import open_page
from tests.http.fakes import House

SAID = {
    "ko-KR": ("대기 2번째, 약 40초", "대기 1번째, 약 3분", "질문 읽는 중 30%"),
    "en-US": (
        "Waiting, number 2 in line, about 40 s",
        "Waiting, number 1 in line, about 3 min",
        "Reading the question, 30%",
    ),
}
EVENTS: tuple[StreamEvent, ...] = (Queued("", 2, 40.0), Queued("", 1, 180.0), Progress("", 30, 100))


class Line:
    """A queue that moves on when the test has seen where it stands."""

    def __init__(self) -> None:
        self.seen = threading.Semaphore(0)

    async def script(self, text: str) -> AsyncIterator[StreamEvent]:
        for event in EVENTS:
            yield event
            while not self.seen.acquire(blocking=False):
                await asyncio.sleep(0.02)
        async for event in tell(text):
            yield event


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def house(line: Line) -> Iterator[House]:
    house = House(line.script)
    yield house
    house.close()


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_place_wait_and_progress_are_said_as_they_change(
    browser: Browser, house: House, line: Line, locale: str
) -> None:
    with serve(house) as url, open_page(browser, url, locale=locale) as (page, _watch):
        page.context.add_cookies([{"name": "naesil", "value": house.person("김하나")[1], "url": url}])
        for address in ("/chat", "/temporary"):
            page.goto(address)
            ask(page, "정리해 줘")
            for said in SAID[locale]:
                expect(page.locator("[data-waiting-text]")).to_have_text(said)
                line.seen.release()
            expect(page.locator("article.answer[data-state=done]")).to_be_visible()
            expect(page.locator("[data-waiting-text]")).to_be_hidden()
