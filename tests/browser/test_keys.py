"""Keys that act from anywhere, and what the chat page always says about a conversation."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.protocol.messages import StreamEvent, Token
from tests.browser.office import serve, tell
from tests.browser.test_chat import ask
from tests.browser.watch import open_page
from tests.http.fakes import House

ON_A_KOREAN_KEYBOARD = """
document.body.dispatchEvent(new KeyboardEvent("keydown", {
  key: "ㅐ", code: "KeyO", ctrlKey: true, shiftKey: true, bubbles: true, cancelable: true }));
"""


@pytest.fixture
def answered(page: Page) -> Page:
    page.goto("/chat")
    ask(page, "처음 질문")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.wait_for_load_state()
    return page


def test_the_list_of_keys_opens_by_key_and_by_button_and_closes_with_escape(page: Page) -> None:
    page.goto("/chat")
    page.get_by_role("button", name="단축키").click()
    dialog = page.get_by_role("dialog", name="단축키")
    expect(dialog.locator("[data-action]")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#text")).to_be_visible()
    page.locator("#text").focus()
    page.keyboard.press("Control+/")
    expect(dialog).to_be_visible()


def test_each_key_does_what_the_list_says(answered: Page) -> None:
    page = answered
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("Control+k")
    expect(page.locator(".find input")).to_be_focused()
    page.keyboard.press("Control+Shift+c")
    expect(page.locator("#status")).to_have_text("복사했어요")
    assert "세 가지" in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Control+Shift+e")
    expect(page.get_by_label("질문")).to_have_value("처음 질문")
    page.goto("/chat")
    page.evaluate(ON_A_KOREAN_KEYBOARD)
    expect(page.locator("#examples")).to_be_visible()


def test_a_new_conversation_by_a_key_whatever_the_keyboard_writes(answered: Page) -> None:
    assert answered.url.rsplit("/", 1)[1] != "chat"
    answered.evaluate(ON_A_KOREAN_KEYBOARD)
    expect(answered.locator("#examples")).to_be_visible()
    assert answered.url.endswith("/chat")


def test_escape_in_the_menu_closes_it_and_stops_no_answer(page: Page) -> None:
    page.goto("/chat")
    ask(page, "천천히")
    expect(page.locator("[data-tail]")).to_contain_text("3번째")
    summary = page.locator(".menu > summary")
    summary.press("Enter")
    expect(page.locator(".menu-body")).to_be_visible()
    page.get_by_label("폴더").press("Escape")
    expect(page.locator(".menu-body")).to_be_hidden()
    expect(summary).to_be_focused()
    summary.press("Enter")
    page.locator("#text").click()
    expect(page.locator(".menu-body")).to_be_hidden()
    expect(page.locator("article.answer")).to_have_attribute("data-state", "writing")
    page.keyboard.press("Escape")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")


def test_single_keys_are_off_until_they_are_turned_on(answered: Page) -> None:
    page, dialog = answered, answered.get_by_role("dialog", name="단축키")
    page.locator("#scroll").focus()
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    place = page.url
    page.goto("/account")
    choice = page.get_by_role("form", name="한 글자 단축키").get_by_role("button", name="켜짐")
    choice.click()
    expect(choice).to_have_attribute("aria-pressed", "true")
    page.goto(place)
    page.locator("#text").press("?")
    expect(page.locator("#text")).to_have_value("?")
    expect(dialog).to_be_hidden()
    page.locator("#scroll").focus()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()


def test_a_question_just_sent_can_be_edited_and_answered_again_without_a_reload(answered: Page) -> None:
    page = answered
    ask(page, "둘째 질문")
    expect(page.locator("article.answer[data-state=done]")).to_have_count(2)
    page.locator("article.answer").last.get_by_role("button", name="다른 답변").click()
    expect(page.get_by_text("2/2")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("Control+Shift+e")
    expect(page.get_by_label("질문")).to_have_value("둘째 질문")


def test_the_page_says_how_much_of_the_context_is_used_live_and_on_reload(answered: Page) -> None:
    said = "컨텍스트 222 / 2,048토큰"
    expect(answered.locator("#context")).to_contain_text(said)
    answered.reload()
    expect(answered.locator("#context")).to_contain_text(said)
    expect(answered.locator("#context meter")).to_have_js_property("value", 222)


def test_class_readers_and_retention_are_always_in_sight(answered: Page) -> None:
    page = answered
    for width, height in ((320, 568), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        known = page.get_by_role("list", name="이 대화에 대해")
        expect(known).to_be_in_viewport(ratio=1)
        expect(known.locator("[data-class]")).to_contain_text("O ·")
        expect(known).to_contain_text("나만 읽을 수 있어요")
        expect(known.locator("[data-kept]")).to_contain_text("보관")
    known.get_by_role("link", name="내 정보 보관 내역").click()
    expect(page.get_by_role("heading", name="내 정보", exact=True)).to_be_visible()


def test_thoughts_are_shown_while_they_come_folded_and_again_after_a_reload(page: Page, house: House) -> None:
    page.goto("/chat")
    ask(page, "생각 먼저 해 줘")
    fold = page.locator("[data-thoughts]")
    expect(fold).to_be_visible()
    expect(fold).not_to_have_attribute("open", "")
    expect(page.locator("[data-waiting-text]")).to_contain_text("생각하는 중")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    told = fold.locator("summary").inner_text()
    assert told == "답변 전의 생각"
    fold.locator("summary").click()
    expect(fold.locator(".body")).to_contain_text("먼저 표를 떠올려요. 0")
    page.reload()
    expect(fold.locator("summary")).to_have_text(told)
    expect(fold.locator(".body")).to_be_hidden()
    assert house.conversations("김하나")[0].messages[1].reasoning.startswith("먼저 표를")


def test_a_temporary_chat_keeps_its_thoughts_folded_over_a_reload(page: Page) -> None:
    page.goto("/temporary")
    ask(page, "생각 먼저 해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.reload()
    fold = page.locator("[data-thoughts]")
    expect(fold.locator(".body")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.locator(".body")).to_contain_text("먼저 표를 떠올려요. 0")


def test_how_long_was_thought_is_said_while_it_lasts_and_afterwards(browser: Browser) -> None:
    seen = threading.Event()

    async def think(_text: str) -> AsyncIterator[StreamEvent]:
        yield Token("", "먼저 ", "reasoning")
        house.clock.advance(12)
        while not seen.is_set():
            yield Token("", "그리고 ", "reasoning")
            await asyncio.sleep(0.2)
        async for event in tell(""):
            yield event

    house = House(think)
    with serve(house) as url, open_page(browser, url) as (page, _watch):
        page.context.add_cookies([{"name": "naesil", "value": house.person("김하나")[1], "url": url}])
        for address in ("/temporary", "/chat"):  # the first has fewer words for its scripts
            seen.clear()
            page.goto(address)
            ask(page, "무엇이 나아?")
            expect(page.locator("[data-waiting-text]")).to_have_text(re.compile("생각하는 중, [1-9]초"))
            seen.set()
            expect(page.locator("article.answer[data-state=done]")).to_be_visible()
        heading = page.locator("[data-thoughts] summary")
        expect(heading).to_have_text("답변 전 생각 · 12초")
        page.reload()
        expect(heading).to_have_text("답변 전 생각 · 12초")
    house.close()
