"""No page scrolls sideways, at any width, theme or language; without a script everything still works."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_chat import ask
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import PASSWORD, SETUP_TOKEN, House

SIZES = [(320, 568), (768, 1024), (1440, 900)]


@pytest.mark.parametrize(("locale", "scheme"), [("ko-KR", "light"), ("en-US", "dark")])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_page_is_wider_than_its_window(
    browser: Browser, base_url: str, house: House, width: int, height: int, locale: str, scheme: str
) -> None:
    options = {"viewport": {"width": width, "height": height}, "locale": locale, "color_scheme": scheme}
    with open_page(browser, base_url, **options) as (page, watch):
        watch.expected.append("404")
        assert _visit(page, f"/setup/{SETUP_TOKEN}") == 0
        page.context.add_cookies(
            [{"name": "naesil", "value": house.person("김하나" * 8)[1], "url": base_url}]
        )
        assert _visit(page, "/chat") == 0
        ask(page, "긴제목" * 40)
        expect(page.locator("article.answer[data-state=done]")).to_be_visible()
        assert sideways_scroll(page) == 0
        place = page.url
        for address in (place, f"{place}/rename", f"{place}/delete", "/account", "/nothing"):
            assert _visit(page, address) == 0, address
        assert _visit(page, "/link?to=https://example.com/" + "x" * 500) == 0


def test_the_list_is_a_drawer_on_narrow_screens(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 568})
    page.goto("/chat")
    drawer = page.get_by_role("navigation", name="대화 목록")
    expect(drawer).to_be_hidden()
    page.get_by_role("button", name="대화 목록").click()
    expect(drawer).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_on_narrow_screens_the_title_has_the_room_and_the_menu_the_rest(page: Page) -> None:
    page.goto("/chat")
    ask(page, "지난주 회의를 정리해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.set_viewport_size({"width": 320, "height": 568})
    page.wait_for_load_state()
    title = page.get_by_role("heading", level=1)
    assert title.evaluate("title => title.scrollWidth <= title.clientWidth")
    page.get_by_label("더 보기").click()
    for name in ("이름 바꾸기", "삭제"):
        expect(page.get_by_role("link", name=name)).to_be_in_viewport(ratio=1)
    assert sideways_scroll(page) == 0
    page.get_by_role("button", name="고정").click()
    expect(page.locator(".menu-body")).to_be_hidden()
    page.wait_for_load_state()
    page.get_by_label("더 보기").click()
    expect(page.get_by_role("button", name="고정")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="이름 바꾸기").click()
    expect(page.get_by_role("dialog").get_by_label("제목")).to_be_focused()
    expect(page.locator(".menu-body")).to_be_hidden()


def test_what_is_kept_reads_one_below_the_other_on_narrow_screens(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 568})
    page.goto("/account/data")
    cells = page.locator(".stacked tbody tr").first.locator("td")
    boxes = [cells.nth(number).bounding_box() for number in range(3)]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(set(tops))
    assert all(box and box["width"] > 250 for box in boxes)
    assert sideways_scroll(page) == 0


def test_long_lines_of_code_scroll_in_their_block_by_keyboard_too(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 568})
    page.goto("/chat")
    ask(page, "코드")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    expect(page.locator(".code-language")).to_have_text("python")
    block = page.locator(".code pre")
    assert block.evaluate("block => block.scrollWidth > block.clientWidth")
    block.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.code pre').scrollLeft > 0")
    assert sideways_scroll(page) == 0


def test_on_paper_the_whole_conversation_stands_without_what_can_be_pressed(page: Page) -> None:
    page.goto("/chat")
    for count in (1, 2, 3):
        ask(page, "정리해 줘")
        expect(page.locator("article.answer[data-state=done]")).to_have_count(count)
    page.emulate_media(media="print")
    for part in (".side", ".dock", ".menu", ".bar a", ".answer .after button"):
        expect(page.locator(part).first).to_be_hidden()
    expect(page.locator("article.answer .tag").first).to_be_visible()  # who wrote it
    assert page.evaluate("document.documentElement.scrollHeight > 2 * innerHeight")


def test_the_field_stays_in_reach_at_two_hundred_percent(page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 360})  # 1280 x 720 zoomed to 200 %
    page.goto("/chat")
    expect(page.locator("#text")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="보내기")).to_be_in_viewport(ratio=1)
    assert sideways_scroll(page) == 0


def test_without_a_script_a_person_can_do_everything(browser: Browser, base_url: str, house: House) -> None:
    house.person("김하나")
    with open_page(browser, base_url, java_script_enabled=False) as (page, _watch):
        page.goto("/")
        page.get_by_label("이름").fill("김하나")
        page.get_by_label("비밀번호").fill(PASSWORD)
        page.get_by_role("button", name="로그인").click()
        page.locator("#text").fill("천천히 말해 줘")
        page.get_by_role("button", name="보내기").click()
        expect(page.get_by_role("link", name="새로 고침")).to_be_visible()
        page.get_by_role("button", name="중지").click()
        expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
        page.get_by_role("link", name="이름 바꾸기").click()
        page.get_by_label("제목").fill("다른 제목")
        page.get_by_role("button", name="이름 바꾸기").click()
        expect(page.get_by_role("heading", name="다른 제목")).to_be_visible()
        page.get_by_role("link", name="삭제").click()
        page.get_by_role("button", name="삭제").click()
        page.get_by_role("button", name="로그아웃").click()
        expect(page.get_by_role("heading", name="로그인")).to_be_visible()


def _visit(page: Page, address: str) -> int:
    page.goto(address)
    return sideways_scroll(page)
