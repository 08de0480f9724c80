"""An administrator attacks their own product from the console and prints the paper."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from appliance.core import Role
from tests.browser.test_console import RULES
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import House


def accessible(page: Page) -> None:
    found = Axe().run(page, options=RULES).response["violations"]
    assert found == [], json.dumps(found, ensure_ascii=False)[:2000]
    page.set_viewport_size({"width": 320, "height": 640})
    assert sideways_scroll(page) == 0
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("leaking", [False, True], ids=["holds", "leaks"])
def test_attack_attest_and_print(browser: Browser, base_url: str, house: House, leaking: bool) -> None:
    house.proving.leaking = leaking
    scheme = "dark" if leaking else "light"
    with open_page(browser, base_url, color_scheme=scheme) as (page, _watch):
        token = house.person("김하나", *Role)[1]
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        page.goto("/console/egress")
        page.get_by_role("button", name="지금 시험하기").click()
        if leaking:
            expect(page.get_by_role("alert").filter(has_text="빠져나갔어요")).to_be_visible()
            expect(page.get_by_text("LEAKED", exact=True)).to_be_visible()
        else:
            expect(page.get_by_text("아무것도 빠져나가지 못했어요")).to_be_visible()
        accessible(page)
        page.get_by_role("button", name="확인서 만들기").click()
        expect(page.get_by_role("heading", name="외부 전송 차단 확인서")).to_be_visible()
        accessible(page)
        page.emulate_media(media="print")
        expect(page.get_by_role("navigation")).to_be_hidden()
        expect(page.get_by_text("tcp_connect")).to_be_visible()
        page.emulate_media(media="screen")
        with page.expect_download() as download:
            page.get_by_role("link", name="서명된 확인서 내려받기").click()
        assert download.value.suggested_filename.startswith("naesil-egress-")
