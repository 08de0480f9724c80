"""What a hostile model writes stays words: nothing loads, nothing runs, nobody outside hears of it.

Every payload is a question and an answer, and some are titles; once as it streams in and once on
a full page load.
"""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.protocol.messages import Finished, StreamEvent, Token
from tests.browser.attacker import Attacker, listening
from tests.browser.office import serve
from tests.browser.payloads import payloads
from tests.browser.watch import open_page
from tests.http.fakes import House
from tests.policy.policies import load_with

BATCH = 22
NO_RULES = "version: 1\nrules: []\n"


async def parrot(text: str) -> AsyncIterator[StreamEvent]:
    """Says what it was told, a few characters at a time."""
    for start in range(0, len(text), 23):
        yield Token("", text[start : start + 23])
    yield Finished(id="", reason="stop", prompt_tokens=1, completion_tokens=1, decode_s=0.1)


@pytest.fixture(scope="module")
def attacker() -> Iterator[Attacker]:
    with listening() as attacker:
        yield attacker


@pytest.fixture(scope="module")
def parrots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """The attacker's port is a number by chance: no rule about numbers may hold a text back here."""
    house = House(parrot)
    house.policy.replace(load_with(tmp_path_factory.mktemp("policies"), dlp=NO_RULES))
    with serve(house) as url:
        yield house, url
    house.close()


def test_there_are_two_hundred_of_them(attacker: Attacker) -> None:
    assert len(set(payloads(attacker.address))) >= 200


def test_the_attacker_hears_them_where_nothing_protects(browser: Browser, attacker: Attacker) -> None:
    texts = [text for text in payloads(attacker.address) if "refresh" not in text and "location=" not in text]
    attacker.page = "\n".join(f"<div>{text}</div>" for text in texts).encode("utf-8", "replace")
    page = browser.new_page()
    page.goto(f"{attacker.address}/unprotected", wait_until="commit")
    page.wait_for_timeout(3000)
    page.close()
    kinds = {urlsplit(path).path for path in attacker.heard}
    attacker.heard.clear()
    assert len(kinds) >= 20, kinds


@pytest.mark.parametrize("part", range(10))
def test_none_of_them_does_anything(
    browser: Browser, attacker: Attacker, parrots: tuple[House, str], part: int
) -> None:
    house, url = parrots
    texts = list(payloads(attacker.address))[part * BATCH : (part + 1) * BATCH]
    token = house.person(f"user {part}")[1]
    with open_page(browser, url) as (page, _watch):
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.context.add_cookies([{"name": "naesil", "value": token, "url": url}])
        page.goto("/chat")
        for number, text in enumerate(texts, 1):
            ask(page, text, number)
        check(page, texts)
        page.reload()
        check(page, texts)
        assert len(page.context.pages) == 1
        assert dialogs == []
    assert attacker.heard == []


def ask(page: Page, text: str, number: int) -> None:
    page.wait_for_load_state()
    page.locator("#text").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("article.answer[data-state=done]")).to_have_count(number)


def check(page: Page, texts: list[str]) -> None:
    """The words are there, no element is that we did not make, and nothing ran."""
    expect(page.locator("article.answer")).to_have_count(len(texts))
    assert page.evaluate("window.owned") is None
    room = page.locator("article.message")
    for tag in (
        "img",
        "iframe",
        "script",
        "style",
        "link",
        "object",
        "embed",
        "video",
        "audio",
        "base",
        "meta",
    ):
        assert room.locator(tag).count() == 0, tag
    links = room.locator("[data-body] a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    assert [link for link in links if not link.startswith("/link?to=")] == []
    handlers = room.locator("[data-body] *").evaluate_all(
        "all => all.flatMap((e) => e.getAttributeNames()).filter((n) => n.startsWith('on') || n === 'style')"
    )
    assert handlers == []
