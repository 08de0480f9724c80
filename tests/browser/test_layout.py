"""No page scrolls sideways, at any width, theme or language; without a script everything still works."""

import pytest
from playwright.sync_api import Browser, Page, expect

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
        page.locator("#text").fill("긴제목" * 40)
        page.keyboard.press("Enter")
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
