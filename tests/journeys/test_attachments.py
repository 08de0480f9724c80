"""Files through the whole product: the real extractor in its jail, handed out, killed, replaced, attacked."""

import json
import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.browser.watch import open_browser, open_page
from tests.extractor import documents
from tests.journeys.product import Product, appliance
from tests.journeys.test_browser import sign_in
from tests.journeys.test_resilience import wait_for


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as running:
        yield running


FILES = [
    FilePayload(name="가.hwp", mimeType="", buffer=documents.hwp_file(["내실 회의록"])),
    FilePayload(name="나.pdf", mimeType="", buffer=documents.pdf(["한 쪽"])),
    FilePayload(name="다.docx", mimeType="", buffer=documents.docx_file("문단")),
]


def waiting(product: Product) -> int:
    """The extractor that waits; the newest where one has a file."""
    return product.children().get("extractor", 0)


def test_each_file_has_a_jailed_process_and_the_next_one_waits(product: Product, browser: Browser) -> None:
    with open_page(browser, product.url) as (page, _watch):
        sign_in(page)
        before = waiting(product)
        page.locator("#file").set_input_files(FILES)
        chips = page.locator("#files > li[data-state=done]")
        expect(chips).to_have_count(3)
        expect(chips.locator("[data-detail]")).to_have_text(["구역 1개", "1쪽", "2자"])
        wait_for(lambda: waiting(product) not in (0, before))
        assert not os.path.exists(f"/proc/{before}")  # noqa: PTH110 - a bare look
        killed = waiting(product)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: waiting(product) not in (0, killed))
        page.locator("#file").set_input_files(FILES[:1])
        expect(chips).to_have_count(4)
        for chip in range(3, -1, -1):
            chips.nth(chip).locator("[data-remove]").click()
        expect(page.locator("#files > li")).to_have_count(0)
    status = json.loads(appliance("egress", "status", "--json", "--data", str(product.data)).stdout)
    (seen,) = [one for one in status["processes"] if one["process"] == "extractor"]
    assert seen["level"] == "kernel"
    assert appliance("audit", "verify", "--data", str(product.data)).returncode == 0
