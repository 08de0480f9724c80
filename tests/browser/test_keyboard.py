"""By keyboard alone, and for eyes that need large type, strong colours or a still page."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_chat import ask
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import PASSWORD, House

# Whether what has the focus is in sight and shows it: by its own outline, or the message field by its box.
SHOWN = """
() => {
  const element = document.activeElement;
  if (element === document.body) return true;
  const box = element.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const style = getComputedStyle(element);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return inside && (outlined || element.closest(".box") !== null);
}
"""
MOST_STOPS = 80


def tab_to(page: Page, wanted: Locator) -> None:
    """Go on with Tab until this has the focus; every stop on the way must be seen."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        assert page.evaluate(SHOWN), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"not reached by Tab: {wanted}")


def test_signing_in_asking_stopping_editing_branching_searching_and_signing_out(
    newcomer: Page, house: House
) -> None:
    page, keyboard = newcomer, newcomer.keyboard
    house.person("김하나")
    page.goto("/sign-in")
    keyboard.type("김하나")
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#help")).to_be_visible()  # the script is at work

    keyboard.type("천천히 말해 줘")
    keyboard.press("Enter")
    expect(page.locator("[data-tail]")).to_contain_text("3번째 문장이에요.")
    expect(page.locator("#text")).to_be_focused()
    keyboard.press("Escape")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
    expect(page.locator("#text")).to_be_focused()

    keyboard.press("Control+Shift+e")
    expect(page.get_by_label("질문")).to_be_focused()
    page.wait_for_load_state()  # the page's script is at work
    keyboard.press("Control+a")
    keyboard.type("회의를 정리해 줘")
    keyboard.press("Enter")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    expect(page.get_by_text("2/2")).to_be_visible()
    page.wait_for_load_state()

    tab_to(page, page.get_by_role("button", name="이전 버전"))
    keyboard.press("Enter")
    expect(page.locator("article.question [data-body]")).to_have_text("천천히 말해 줘")
    expect(page.get_by_text("1/2")).to_be_visible()

    page.wait_for_load_state()
    keyboard.press("Control+k")
    keyboard.type("천천히")
    keyboard.press("Enter")
    expect(page.locator(".hits a")).to_be_visible()
    page.wait_for_load_state()
    tab_to(page, page.locator(".hits a"))
    keyboard.press("Enter")
    expect(page.locator("article.question [data-body]")).to_have_text("천천히 말해 줘")
    page.wait_for_load_state()

    tab_to(page, page.get_by_role("button", name="로그아웃"))
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="로그인")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(640, 360), (320, 256)], ids=["200 %", "400 %"])
def test_enlarged_nothing_is_lost(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/chat")
    choice = page.get_by_label("자료 등급")
    choice.scroll_into_view_if_needed()
    expect(choice).to_be_in_viewport(ratio=1)
    ask(page, "정리해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.reload()
    expect(page.locator("#help")).to_be_visible()
    for part in ("#text", "article.answer ol", ".known [data-kept]", "#context", "#help", "#prompts"):
        page.locator(part).scroll_into_view_if_needed()
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    expect(page.locator("#text")).to_be_in_viewport(ratio=1)  # stays in reach wherever the page stands
    assert sideways_scroll(page) == 0


def test_a_growing_answer_is_followed_when_the_whole_room_scrolls(page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 360})
    page.goto("/chat")
    ask(page, "천천히")
    expect(page.locator("[data-tail]")).to_contain_text("60번째")
    page.wait_for_function(
        "(e => e.scrollTop > 0 && e.scrollHeight - e.scrollTop - e.clientHeight < 48)"
        "(document.querySelector('#room'))"
    )
    page.locator("#room").evaluate("e => { e.scrollTop = 0; }")
    expect(page.get_by_role("button", name="최신 글로")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")


def test_strong_colours_keep_the_focus_and_the_chosen_in_sight(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/chat")
    ask(page, "정리해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.reload()
    width = "(element) => parseFloat(getComputedStyle(element).{0})"
    page.locator("#text").focus()
    assert page.locator(".box").evaluate(width.format("outlineWidth")) >= 2
    assert page.locator(".list a[aria-current]").evaluate(width.format("borderTopWidth")) >= 1
    assert page.locator(".question .body").evaluate(width.format("borderTopWidth")) >= 1


def test_a_still_page_for_who_asks_for_one(browser: Browser, base_url: str, house: House) -> None:
    token = house.person("김하나")[1]
    for wish, moving in (("no-preference", True), ("reduce", False)):
        with open_page(browser, base_url, reduced_motion=wish) as (page, _watch):
            page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
            page.goto("/chat")
            ask(page, "오래 생각해 줘")
            expect(page.locator("[data-waiting-text]")).to_contain_text("생각하는 중")
            assert page.evaluate("document.getAnimations().length > 0") is moving
            page.keyboard.press("Escape")
            expect(page.locator("article.answer[data-state=stopped]")).to_be_visible()
