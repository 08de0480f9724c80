"""Every page of the console: both languages, both themes, any width; accessible by axe-core's rules."""

import json
import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from appliance.core import Role
from tests.browser.console_pages import DOWNLOADS, LEADS_ON, PAGES, furnish
from tests.browser.language import foreign_words
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import PASSWORD, House
from tests.http.permissions import BY_EACH_PERSONS_RIGHTS, ROUTES

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_every_page_of_the_console_is_looked_at() -> None:
    known = {row for row in {*ROUTES, *BY_EACH_PERSONS_RIGHTS} if row.startswith("GET /console")}
    assert known - DOWNLOADS - LEADS_ON == set(PAGES)


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_every_page_is_accessible_fits_and_speaks_the_readers_language(
    browser: Browser, base_url: str, house: House, locale: str
) -> None:
    things = furnish(house)
    axe = Axe()
    with open_page(browser, base_url, locale=locale) as (page, _watch):
        sign_in(page, house, base_url, "김하나")
        for address in [address for row in PAGES.values() for address in row(things)]:
            page.set_viewport_size({"width": 1280, "height": 800})
            answer = page.goto(address)
            assert answer is not None, address
            assert answer.status == 200, address
            assert foreign_words(page, locale) == [], address
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found = axe.run(page, options=RULES).response["violations"]
                assert found == [], (address, scheme, json.dumps(found, ensure_ascii=False)[:2000])
            page.set_viewport_size({"width": 320, "height": 640})
            assert sideways_scroll(page) == 0, address


def test_without_a_script_a_policy_goes_from_its_draft_into_force(
    browser: Browser, base_url: str, house: House
) -> None:
    furnish(house)
    with open_page(browser, base_url, java_script_enabled=False) as (page, watch):
        watch.expected.append("403")
        sign_in(page, house, base_url, "김하나")
        page.goto("/console/policies")
        page.get_by_label("변경 목적").fill("이메일도 막기")
        page.get_by_role("button", name="초안 시작").click()
        page.get_by_role("link", name="dlp.yaml").click()
        file = page.get_by_label("파일 내용")
        file.fill(file.input_value().replace("action: mask", "action: block", 1))
        page.get_by_role("button", name="저장하고 검사").click()
        page.get_by_role("button", name="다시 판단하기").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.get_by_role("button", name="승인 요청").click()
        page.get_by_role("button", name="승인", exact=True).click()
        expect(page.get_by_role("alert")).to_be_visible()  # nobody approves their own
        draft = re.sub(r"/approve$", "", page.url)
        page.context.clear_cookies()
        sign_in(page, house, base_url, "박세찌")
        page.goto(draft)
        page.get_by_role("button", name="승인", exact=True).click()
        page.get_by_role("button", name="지금 적용").click()
        expect(page).to_have_url(re.compile("/console/policies$"))
        assert house.policies.revisions.number() == 2


def test_without_a_script_what_is_past_its_date_is_destroyed_and_a_hold_keeps(
    browser: Browser, base_url: str, house: House
) -> None:
    furnish(house)
    with open_page(browser, base_url, java_script_enabled=False) as (page, watch):
        watch.expected.append("409")
        sign_in(page, house, base_url, "김하나")
        page.goto("/console/retention")
        page.get_by_label("사람 이름").fill("이두리")
        page.get_by_label("사유").fill("사건 2026-2")
        page.get_by_role("button", name="보존 명령 내리기").click()
        expect(page.get_by_text("사건 2026-2")).to_be_visible()
        number = page.get_by_label(re.compile("확인을 위해"))
        number.fill("9999")
        page.get_by_role("button", name="지금 파기").click()
        expect(page.get_by_role("alert")).to_be_visible()
        number = page.get_by_label(re.compile("확인을 위해"))
        told = re.search(r"건수 (\d+)", page.content())
        assert told is not None
        number.fill(told[1])
        page.get_by_role("button", name="지금 파기").click()
        expect(page.get_by_role("heading", name="파기 증명")).to_be_visible()
        assert len(house.conversations("이두리")) == 1


def sign_in(page: Page, house: House, base_url: str, name: str) -> None:
    """Somebody who may do everything; the browser's profile has their session."""
    token = house.person(name, *Role)[1]
    page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])


def test_who_confirms_a_dangerous_act_comes_back_to_the_page_of_its_button(
    browser: Browser, base_url: str, house: House
) -> None:
    colleague, _ = house.person("이두리")
    with open_page(browser, base_url) as (page, _watch):
        sign_in(page, house, base_url, "김하나")
        house.clock.advance(3600)
        here = f"/console/users/{colleague.user_id}"
        page.goto(here)
        page.get_by_role("button", name="재설정 링크 만들기").click()
        page.get_by_label("비밀번호").fill(PASSWORD)
        page.get_by_role("button", name="확인").click()
        expect(page).to_have_url(f"{base_url}{here}")
