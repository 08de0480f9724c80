"""Nothing typed leaves the page before Send, and nothing ever goes to another host."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_chat import ask
from tests.browser.watch import Watch

LONG = "가나다라 abcd 1234. " * 25


@pytest.mark.parametrize("address", ["/chat", "/account"])
def test_five_hundred_characters_in_every_field_cause_no_request(
    page: Page, watch: Watch, address: str
) -> None:
    page.goto(address)
    fields = page.locator("textarea, input[type=text], input[type=password]")
    page.wait_for_load_state("networkidle")
    before = len(watch.requests)
    for index in range(fields.count()):
        if fields.nth(index).is_visible():
            fields.nth(index).press_sequentially(LONG[:500])
    page.wait_for_timeout(300)
    assert [request.url for request in watch.requests[before:]] == []


def test_the_sign_in_page_is_silent_too(newcomer: Page) -> None:
    newcomer.goto("/sign-in")
    newcomer.wait_for_load_state("networkidle")
    seen: list[str] = []
    newcomer.on("request", lambda request: seen.append(request.url))
    newcomer.get_by_label("이름").press_sequentially("이름" * 20)
    newcomer.get_by_label("비밀번호").press_sequentially("x" * 200)
    newcomer.wait_for_timeout(300)
    assert seen == []


def test_a_link_of_an_answer_asks_first(page: Page) -> None:
    page.goto("/chat")
    ask(page, "링크")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="내부 위키").click()
    confirm = opened.value
    expect(confirm.get_by_role("heading", name="외부로 나가는 링크예요")).to_be_visible()
    expect(confirm.locator(".target code")).to_have_text("https://wiki.example.com/minutes")
    assert confirm.evaluate("window.opener") is None


def test_the_watch_itself_sees_what_it_must(page: Page, watch: Watch) -> None:
    page.goto("/chat")
    page.evaluate("fetch('https://evil.example/').catch(() => {})")
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://evil.example/x.png'}))")
    page.wait_for_timeout(200)
    seen = " ".join(watch.problems)
    watch.problems.clear()
    assert "CSP violation: connect-src https://evil.example/" in seen
    assert "CSP violation: img-src https://evil.example/x.png" in seen


def test_trusted_types_stop_any_html_parsing(page: Page, watch: Watch) -> None:
    watch.expected += ["require-trusted-types-for", "TrustedHTML"]
    page.goto("/chat")
    result = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>'; return 'parsed'; } catch (e) { return e.name; } }"
    )
    assert result == "TypeError"
