"""Every page: accessible in both languages and themes, and silent while somebody types."""

import json
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from appliance.chat.assistants import AssistantDraft
from appliance.core import SYSTEM, Role
from tests.browser.console_pages import PAGES, furnish
from tests.browser.language import foreign_words
from tests.browser.own_pages import INSIDE, OUTSIDE, expected
from tests.browser.test_chat import ask
from tests.browser.test_console import RULES, SCHEMES
from tests.browser.watch import Watch, open_page, sideways_scroll
from tests.http.fakes import SETUP_TOKEN, House

FIELDS = "textarea, input" + "".join(
    f":not([type={kind}])" for kind in ("hidden", "file", "checkbox", "radio", "submit")
)
DIGITS = {"number", "datetime-local", "month", "date"}
# Every field in sight: folds and dialogs open, what waits for its moment shown.
REVEAL = """() => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const dialog of document.querySelectorAll("dialog")) dialog.show();
  for (const field of document.querySelectorAll("input, textarea"))
    for (let box = field.parentElement; box; box = box.parentElement) box.hidden = false;
}"""
LONG = ("가나다라 abcd 1234. " * 32)[:500]


def test_every_page_outside_the_console_is_looked_at() -> None:
    assert expected() == {*INSIDE, *OUTSIDE}


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_every_page_is_accessible_fits_and_speaks_the_readers_language(
    browser: Browser, base_url: str, house: House, locale: str
) -> None:
    axe = Axe()
    with open_page(browser, base_url, locale=locale, reduced_motion="reduce") as (page, watch):
        watch.expected.append("404")
        for address in (*_outside(house), *_inside(page, base_url, house), "/no-such-page"):
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(address)
            assert foreign_words(page, locale) == [], address
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                found = axe.run(page, options=RULES).response["violations"]
                assert found == [], (address, scheme, json.dumps(found, ensure_ascii=False)[:2000])
            page.set_viewport_size({"width": 320, "height": 640})
            assert sideways_scroll(page) == 0, address


def test_five_hundred_characters_in_every_field_cause_no_request_before_it_is_sent(
    browser: Browser, base_url: str, house: House
) -> None:
    typed = 0
    with open_page(browser, base_url) as (page, watch):
        for address in _outside(house):
            typed += _type_everywhere(page, watch, address)
        things = furnish(house)
        for address in _inside(page, base_url, house):
            typed += _type_everywhere(page, watch, address)
        for address in [address for row in PAGES.values() for address in row(things)]:
            typed += _type_everywhere(page, watch, address)
    assert typed >= 40


def _outside(house: House) -> Iterator[str]:
    invitation = house.identity.links.invite(SYSTEM, "박새봄", frozenset({Role.MEMBER})).token
    for pattern in OUTSIDE.values():
        yield pattern.format(setup=SETUP_TOKEN, invitation=invitation)


def _inside(page: Page, base_url: str, house: House) -> Iterator[str]:
    """The addresses, once somebody with every role is signed in and has a conversation."""
    person, token = house.person("김하나", *Role)
    draft = AssistantDraft(name="요약 도우미", instructions="짧게 답하라")
    page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
    page.goto("/chat")
    ask(page, "정리해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    talk = house.conversations("김하나")[0]
    page.goto("/temporary")
    ask(page, "정리해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    things = {
        "conversation": talk.id,
        "message": talk.messages[0].id,
        "talk": page.url.rsplit("/", 1)[1],
        "assistant": house.assistants.save(person, draft, house=False),
        "prompt": house.prompts.save(person, "보고서", "{{주제}} 보고서를 써 줘"),
    }
    for pattern in INSIDE.values():
        yield pattern.format(**things)


def _type_everywhere(page: Page, watch: Watch, address: str) -> int:
    """Type into every field, those in dialogs and folds too; how many there were. No request may leave."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(REVEAL)
    before, typed = len(watch.requests), 0
    for field in page.locator(FIELDS).all():
        assert field.is_visible(), (address, field.evaluate("field => field.outerHTML"))
        if field.is_editable():
            _type_into(page, field)
            typed += 1
    page.wait_for_timeout(100)
    assert [request.url for request in watch.requests[before:]] == [], address
    return typed


def _type_into(page: Page, field: Locator) -> None:
    field.focus()
    if field.get_attribute("type") in DIGITS:
        page.keyboard.type("1234567890" * 50)
        return
    page.keyboard.type(LONG[:20])
    for start in range(20, 500, 20):
        page.keyboard.insert_text(LONG[start : start + 20])
