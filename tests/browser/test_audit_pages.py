"""The auditor's pages in a browser without a script, and while long work is under way."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from appliance.audit.errand import Progress
from appliance.audit.verify import Report, verify
from tests.browser.console_pages import furnish
from tests.browser.test_console import RULES, SCHEMES, sign_in
from tests.browser.watch import open_page, sideways_scroll
from tests.http.fakes import House


@pytest.fixture
def auditor(browser: Browser, base_url: str, house: House) -> Iterator[Page]:
    """A browser without a script, somebody in it who may read, export and sign."""
    furnish(house)
    with open_page(browser, base_url, java_script_enabled=False) as (page, watch):
        watch.expected.append("400")
        sign_in(page, house, base_url, "한감사")
        yield page


def test_without_a_script_entries_are_filtered_kept_as_a_view_and_looked_into(auditor: Page) -> None:
    auditor.goto("/console/audit")
    auditor.get_by_label("결과").select_option("masked")
    auditor.get_by_role("button", name="찾기").click()
    expect(auditor).to_have_url(re.compile("outcome=masked"))
    rows = auditor.locator("table.rows tbody tr")
    expect(rows).to_have_count(1)
    auditor.get_by_label("이 조건을 저장할 이름").fill("가린 것")
    auditor.get_by_role("button", name="보기 저장").click()
    auditor.goto("/console/audit")
    auditor.get_by_role("link", name="가린 것").click()
    expect(rows).to_have_count(1)
    rows.first.get_by_role("link").click()
    expect(auditor.get_by_text("chat:prompt:accept").first).to_be_visible()
    expect(auditor.locator("ol.proof li").first).to_be_visible()
    auditor.goto("/console/audit")
    auditor.get_by_role("button", name=re.compile("가린 것")).click()
    expect(auditor.get_by_role("link", name="가린 것")).to_have_count(0)


def test_without_a_script_the_log_is_verified_and_its_export_fetched(auditor: Page, house: House) -> None:
    auditor.goto("/console/audit/verify")
    auditor.get_by_role("button", name="지금 검증").click()
    expect(auditor.locator("p.good")).to_be_visible()  # the page loads itself again until then
    auditor.goto("/console/audit/export")
    reason = auditor.get_by_label("필요한 까닭")
    reason.fill(" ")
    auditor.get_by_role("button", name="내보내기").click()
    expect(auditor.get_by_role("alert")).to_be_visible()
    reason.fill("외부 감사")
    house.clock.advance(60)  # another name than the export that lies there
    auditor.get_by_role("button", name="내보내기").click()
    files = auditor.locator("ul.keys a")
    expect(files).to_have_count(2)
    with auditor.expect_download() as fetched:
        files.first.click()
    with zipfile.ZipFile(io.BytesIO(Path(fetched.value.path()).read_bytes())) as archive:
        assert "외부 감사" in archive.read("manifest.json").decode()


def test_without_a_script_a_review_is_read_and_signed(auditor: Page) -> None:
    auditor.goto("/console/audit/review")
    month = auditor.get_by_label("달", exact=True)
    month.fill("2026-3")
    auditor.get_by_role("button", name="보기", exact=True).click()
    expect(auditor.get_by_role("alert")).to_be_visible()
    auditor.get_by_label("달", exact=True).fill("2026-03")
    auditor.get_by_role("button", name="보기", exact=True).click()
    auditor.get_by_label(re.compile("메모")).fill("두 건을 확인함")
    auditor.get_by_role("button", name="이 검토서를 읽었습니다").click()
    expect(auditor.get_by_text("두 건을 확인함")).to_be_visible()


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_while_the_log_is_checked_its_progress_is_shown(
    browser: Browser, base_url: str, house: House, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(house)
    going_on = threading.Event()
    monkeypatch.setattr("appliance.audit.checking.verify", held(going_on))
    with open_page(browser, base_url, locale=locale) as (page, _watch):
        sign_in(page, house, base_url, "한감사")
        page.route("**/console/audit/verify", without_refresh)
        page.goto("/console/audit/verify")
        page.locator("main form button").click()
        bar = page.get_by_role("progressbar")
        expect(bar).to_have_attribute("value", "30")
        expect(bar).to_have_attribute("max", "120")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = Axe().run(page, options=RULES).response["violations"]
            assert found == [], (scheme, json.dumps(found, ensure_ascii=False)[:2000])
        page.set_viewport_size({"width": 320, "height": 640})
        assert sideways_scroll(page) == 0
        going_on.set()


def held(going_on: threading.Event) -> Callable[..., Report]:
    """A check of the log that stands at a quarter until it may go on."""

    def check(*given: Any, progress: Progress) -> Report:
        progress(30, 120)
        going_on.wait(60)
        return verify(*given, progress=progress)

    return check


def without_refresh(route: Route) -> None:
    """The same page, which does not load itself again while it is looked at."""
    if route.request.method != "GET":
        route.continue_()
        return
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)
