"""A person with a browser and the whole product: the real model, the real guard, a real Chromium.

`open_page` fails a test on any console error, policy violation or request to another host.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.watch import open_browser, open_page, sideways_scroll
from tests.journeys.product import ADMIN, PASSWORD, Product

ANSWER_LIMIT_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as running:
        yield running


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("이름").fill(ADMIN)
    page.get_by_label("비밀번호").fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()
    page.wait_for_url("**/chat")


def ask(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")


def test_asked_in_korean_it_answers_in_a_stream_and_remembers(product: Product, browser: Browser) -> None:
    with open_page(browser, product.url) as (page, _watch):
        sign_in(page)
        ask(page, "대한민국의 수도는 어디인가요?")
        answer = page.locator(".message.answer").last
        expect(answer).to_have_attribute("data-state", "done", timeout=ANSWER_LIMIT_MS)
        text = answer.locator("[data-body]").inner_text()
        assert text.strip()
        page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
        page.reload()
        expect(page.locator(".message.answer [data-body]").last).to_have_text(re.compile(r"\S"))
        expect(page.locator(".message.question [data-body]").last).to_have_text(
            "대한민국의 수도는 어디인가요?"
        )
        assert sideways_scroll(page) == 0


def test_tokens_arrive_one_after_another_and_stop_keeps_what_was_said(
    product: Product, browser: Browser
) -> None:
    with open_page(browser, product.url) as (page, _watch):
        sign_in(page)
        ask(page, "Write a very long story about a lighthouse keeper and the sea.")
        answer = page.locator(".message.answer").last
        seen = set()
        for _ in range(200):
            seen.add(len(answer.inner_text()))
            if len(seen) > 5:
                break
            page.wait_for_timeout(50)
        assert len(seen) > 5
        page.keyboard.press("Escape")
        expect(answer).to_have_attribute("data-state", "stopped", timeout=ANSWER_LIMIT_MS)
        kept = answer.locator("[data-body]").inner_text()
        assert kept.strip()
        page.reload()
        expect(page.locator(".message.answer").last).to_have_attribute("data-state", "stopped")


def test_a_reload_in_the_middle_joins_the_running_answer(product: Product, browser: Browser) -> None:
    with open_page(browser, product.url) as (page, watch):
        watch.expected.append("net::ERR")  # the reload cuts the stream it replaces
        sign_in(page)
        ask(page, "Write a long story about a river, in many paragraphs.")
        page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}$"))
        page.reload()
        answer = page.locator(".message.answer").last
        expect(answer).to_have_attribute("data-state", re.compile("running|done"))
        expect(answer).to_contain_text(re.compile(r"\w{3}"), timeout=ANSWER_LIMIT_MS)
        page.locator(".stop").click()
        expect(answer).to_have_attribute("data-state", re.compile("stopped|done"), timeout=ANSWER_LIMIT_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_320_pixels_in_both_themes(product: Product, browser: Browser, scheme: str) -> None:
    with open_page(browser, product.url, viewport={"width": 320, "height": 640}, color_scheme=scheme) as (
        page,
        _watch,
    ):
        sign_in(page)
        for path in ("/chat", "/account"):
            page.goto(path)
            assert sideways_scroll(page) == 0


def test_the_first_administrator_is_made_at_the_one_time_address(
    start_product: Callable[..., Product], browser: Browser, tmp_path: Path
) -> None:
    product = start_product(setup=False)
    assert "/setup/" in product.address
    with open_page(browser, product.url) as (page, watch):
        page.goto(product.address)
        page.get_by_label("이름").fill("첫 관리자")
        for field in page.locator("input[type=password]").all():
            field.fill(PASSWORD)
        page.locator("button.primary").click()
        page.wait_for_url("**/chat")
        watch.expected.append("404")
        assert page.request.get(product.address).status == 404
    assert (tmp_path / "data" / "naesil.db").exists()
