"""Every page of the console: both languages, both themes, any width; accessible by axe-core's rules."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from appliance.core import Role
from appliance.http.console import PAGES
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import House

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.mark.parametrize(("locale", "scheme"), [("ko-KR", "dark"), ("en-US", "light")])
def test_every_section_is_accessible_and_fits(
    browser: Browser, base_url: str, house: House, locale: str, scheme: str
) -> None:
    axe = Axe()
    options = {"locale": locale, "color_scheme": scheme}
    with open_page(browser, base_url, **options) as (page, _watch):
        token = house.person("김하나", *Role)[1]
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        for section in [one.SECTION for one in PAGES]:
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(section.path)
            found = axe.run(page, options=RULES).response["violations"]
            assert found == [], (section.path, json.dumps(found, ensure_ascii=False)[:2000])
            page.set_viewport_size({"width": 320, "height": 640})
            assert sideways_scroll(page) == 0, section.path
