"""Korean typing: the four ways in which chat products get Enter wrong, and that we do not.

Compositions are made by the browser's own input method interface; what Safari and macOS do
differently is replayed as the events they send.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.watch import Watch
from tests.http.fakes import House

SAFARI_ENTER = """
const event = { key: "Enter", code: "Enter", keyCode: 229, bubbles: true, cancelable: true };
document.getElementById("text").dispatchEvent(new KeyboardEvent("keydown", event));
"""
ENTER = {"key": "Enter", "code": "Enter"}


class Keyboard:
    """An input method in front of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.devtools: CDPSession = page.context.new_cdp_session(page)

    def compose(self, text: str) -> None:
        """Show `text` as being composed."""
        place = {"selectionStart": len(text), "selectionEnd": len(text)}
        self.devtools.send("Input.imeSetComposition", {"text": text, **place})

    def commit(self, text: str) -> None:
        """End the composition with `text`."""
        self.devtools.send("Input.insertText", {"text": text})

    def enter(self, *, handled_by_input_method: bool) -> None:
        code = 229 if handled_by_input_method else 13
        for kind in ("rawKeyDown", "keyUp"):
            self.devtools.send(
                "Input.dispatchKeyEvent", {"type": kind, "windowsVirtualKeyCode": code, **ENTER}
            )


@pytest.fixture
def keyboard(page: Page) -> Keyboard:
    page.goto("/chat")
    expect(page.locator("#examples")).to_be_visible()  # the script is at work
    page.locator("#text").focus()
    return Keyboard(page)


@pytest.fixture
def sent(watch: Watch) -> Callable[[], int]:
    """How many messages have left the page."""
    return lambda: sum(
        request.method == "POST" and request.url.endswith("/messages") for request in watch.requests
    )


def asked(house: House) -> list[str]:
    return [one.text for talk in house.conversations("김하나") for one in talk.messages if one.role == "user"]


def test_one_enter_while_composing_sends_the_whole_text_once(
    page: Page, keyboard: Keyboard, house: House, sent: Callable[[], int]
) -> None:
    keyboard.commit("안녕하세")
    keyboard.compose("요")
    keyboard.enter(handled_by_input_method=True)
    assert sent() == 0
    keyboard.commit("요")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    assert asked(house) == ["안녕하세요"]
    assert sent() == 1


def test_a_second_enter_event_of_the_same_key_press_sends_nothing_more(
    page: Page, keyboard: Keyboard, house: House, sent: Callable[[], int]
) -> None:
    keyboard.compose("네")
    keyboard.enter(handled_by_input_method=True)
    keyboard.commit("네")
    keyboard.enter(handled_by_input_method=False)  # macOS reports the key again
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    assert asked(house) == ["네"]
    assert sent() == 1
    expect(page.locator("#text")).to_have_value("")


def test_safari_reports_the_key_after_the_composition_and_one_press_is_enough(
    page: Page, keyboard: Keyboard, house: House
) -> None:
    keyboard.commit("확인했어")
    keyboard.compose("요")
    keyboard.commit("요")
    page.evaluate(SAFARI_ENTER)
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    assert asked(house) == ["확인했어요"]


def test_after_a_finished_composition_one_plain_enter_sends(
    page: Page, keyboard: Keyboard, house: House
) -> None:
    keyboard.compose("끝")
    keyboard.commit("끝")
    keyboard.enter(handled_by_input_method=False)
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    assert asked(house) == ["끝"]


def test_japanese_enter_only_confirms(
    page: Page, keyboard: Keyboard, house: House, sent: Callable[[], int]
) -> None:
    keyboard.compose("日本")
    keyboard.enter(handled_by_input_method=True)
    keyboard.commit("日本")
    page.wait_for_timeout(100)
    assert sent() == 0
    expect(page.locator("#text")).to_have_value("日本")
    keyboard.enter(handled_by_input_method=False)
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    assert asked(house) == ["日本"]


def test_shift_enter_starts_a_line_and_never_sends(
    page: Page, keyboard: Keyboard, sent: Callable[[], int]
) -> None:
    keyboard.commit("첫 줄")
    page.keyboard.press("Shift+Enter")
    keyboard.commit("둘째 줄")
    expect(page.locator("#text")).to_have_value("첫 줄\n둘째 줄")
    assert sent() == 0


def test_the_title_field_follows_the_same_rule(page: Page, keyboard: Keyboard, house: House) -> None:
    keyboard.commit("처음")
    keyboard.enter(handled_by_input_method=False)
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.wait_for_load_state()
    keyboard = Keyboard(page)
    page.get_by_role("link", name="이름 바꾸기").click()
    page.get_by_role("dialog").get_by_label("제목").fill("")
    keyboard.commit("새 제")
    keyboard.compose("목")
    keyboard.enter(handled_by_input_method=True)
    keyboard.commit("목")
    expect(page.get_by_role("heading", name="새 제목")).to_be_visible()
    assert [talk.title for talk in house.conversations("김하나")] == ["새 제목"]
