"""The same rule in every other field in which Enter sends: search, the title, an edited question."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_chat import ask
from tests.browser.test_input_method import Keyboard
from tests.http.fakes import House

SAFARI_ENTER = """(field) => field.dispatchEvent(new KeyboardEvent("keydown",
  { key: "Enter", code: "Enter", keyCode: 229, bubbles: true, cancelable: true }))"""


@dataclass(frozen=True)
class Field:
    """One field, empty and focused, and what shows that exactly this text was sent."""

    at: Locator
    arrived: Callable[[str], None]


def _search(page: Page, _house: House) -> Field:
    page.goto("/search")
    field = page.get_by_role("searchbox", name="검색어")

    def arrived(text: str) -> None:
        page.wait_for_url("**/search?q=*")
        expect(page.locator("main input[name=q]")).to_have_value(text)

    return Field(field, arrived)


def _sidebar(page: Page, _house: House) -> Field:
    def arrived(text: str) -> None:
        page.wait_for_url("**/search?q=*")
        expect(page.locator("main input[name=q]")).to_have_value(text)

    return Field(page.locator(".find input"), arrived)


def _rename(page: Page, house: House) -> Field:
    page.get_by_role("link", name="이름 바꾸기").click()
    field = page.get_by_role("dialog").get_by_label("제목")

    def arrived(text: str) -> None:
        expect(page.get_by_role("heading", level=1)).to_have_text(text)
        assert [talk.title for talk in house.conversations("김하나")] == [text]

    return Field(field, arrived)


def _edit(page: Page, house: House) -> Field:
    page.get_by_role("link", name="고치기").click()
    page.wait_for_url("**/edit")  # loaded, with its script at work
    field = page.get_by_label("질문")

    def arrived(text: str) -> None:
        expect(page.locator("article.question [data-body]")).to_have_text(text)
        expect(page.locator("article.answer[data-state=done]")).to_be_visible()
        expect(page.get_by_text("2/2")).to_have_count(1)
        assert house.conversations("김하나")[0].messages[0].text == text

    return Field(field, arrived)


@pytest.fixture(params=[_search, _sidebar, _rename, _edit], ids=["search", "sidebar", "rename", "edit"])
def field(request: pytest.FixtureRequest, page: Page, house: House) -> Field:
    page.goto("/chat")
    ask(page, "처음 말")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.reload()
    expect(page.locator("#help")).to_be_visible()  # the script is at work
    made: Field = request.param(page, house)
    made.at.fill("")
    made.at.focus()
    return made


def test_one_enter_while_composing_sends_the_whole_text_once(page: Page, field: Field) -> None:
    keyboard = Keyboard(page)
    keyboard.commit("안녕하세")
    keyboard.compose("요")
    keyboard.enter(handled_by_input_method=True)
    keyboard.commit("요")  # the last syllable neither lost nor sent twice, and no second press is needed
    field.arrived("안녕하세요")


def test_a_second_enter_event_of_the_same_key_press_sends_nothing_more(page: Page, field: Field) -> None:
    keyboard = Keyboard(page)
    keyboard.compose("네")
    keyboard.enter(handled_by_input_method=True)
    keyboard.commit("네")
    keyboard.enter(handled_by_input_method=False)
    field.arrived("네")


def test_safari_reports_the_key_after_the_composition_and_one_press_is_enough(
    page: Page, field: Field
) -> None:
    keyboard = Keyboard(page)
    keyboard.commit("확인했어")
    keyboard.compose("요")
    keyboard.commit("요")
    field.at.evaluate(SAFARI_ENTER)
    field.arrived("확인했어요")


def test_after_a_finished_composition_one_plain_enter_sends(page: Page, field: Field) -> None:
    keyboard = Keyboard(page)
    keyboard.compose("끝")
    keyboard.commit("끝")
    keyboard.enter(handled_by_input_method=False)
    field.arrived("끝")
