"""An answer goes on whatever becomes of the page that asked for it."""

from playwright.sync_api import Browser, expect

from tests.browser.test_chat import ask
from tests.browser.watch import open_page
from tests.browser.wire import wire
from tests.http.fakes import House

SLEPT = "Date.now = ((real) => () => real() + 3_600_000)(Date.now)"


def test_a_dropped_connection_is_taken_up_again_without_a_word_lost_or_doubled(
    browser: Browser, base_url: str, house: House
) -> None:
    token = house.person("김하나")[1]
    with wire(base_url) as line, open_page(browser, line.url) as (page, watch):
        watch.expected.append("ERR_")
        page.context.add_cookies([{"name": "naesil", "value": token, "url": line.url}])
        page.goto("/chat")
        ask(page, "천천히")
        tail = page.locator("[data-tail]")
        expect(tail).to_contain_text("5번째 문장이에요.")
        line.down = True
        line.cut()
        page.wait_for_timeout(500)
        seen = tail.inner_text().count("번째")
        line.down = False
        expect(tail).to_contain_text(f"{seen + 40}번째 문장이에요.")
        page.keyboard.press("Escape")
        expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
        said = page.locator("article.answer [data-body]").inner_text()
        kept = house.conversations("김하나")[0].messages[1].text
        assert kept.strip() == said.strip()  # what the policy's screen still held at the stop came, too
        numbers = [word.removesuffix("번째") for word in said.split() if word.endswith("번째")]
        assert numbers == [str(number) for number in range(len(numbers))]


def test_a_closed_laptop_finds_the_finished_answer(browser: Browser, base_url: str, house: House) -> None:
    token = house.person("김하나")[1]
    with open_page(browser, base_url) as (page, watch):
        watch.expected.append("ERR_")
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        page.goto("/chat")
        ask(page, "생각 먼저")
        page.wait_for_url("**/chat/*-*")
        place = page.url
    with open_page(browser, base_url) as (page, _watch):
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        page.goto(place)
        expect(page.locator("article.answer[data-state=done] ol > li")).to_have_count(2)


def test_a_machine_that_slept_joins_again_by_itself(browser: Browser, base_url: str, house: House) -> None:
    token = house.person("김하나")[1]
    with open_page(browser, base_url) as (page, watch):
        watch.expected.append("ERR_")
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        page.goto("/chat")
        ask(page, "천천히")
        expect(page.locator("[data-tail]")).to_contain_text("3번째 문장이에요.")
        joined = [request.url for request in watch.requests if "/answers/" in request.url]
        with page.expect_request("**/answers/*"):
            page.evaluate(SLEPT)
        expect(page.locator("[data-tail]")).to_contain_text("0번째 문장이에요. 1번째 문장이에요.")
        assert len(joined) == 1
        page.keyboard.press("Escape")
        expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
