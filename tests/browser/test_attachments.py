"""Attaching in a real browser: by button, drop and paste, seen and heard, taken away, sent."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.test_console import RULES, SCHEMES
from tests.browser.watch import Watch, open_page, sideways_scroll
from tests.extractor import documents
from tests.http.fakes import House

MEMO = FilePayload(name="메모.txt", mimeType="text/plain", buffer="느티나무 심기".encode())
REPORT = FilePayload(
    name="보고서.pdf", mimeType="application/pdf", buffer=documents.pdf(["첫 쪽", "둘째 쪽"])
)
LOCKED = FilePayload(name="잠긴.pdf", mimeType="application/pdf", buffer=documents.locked_pdf())
WORDS = {
    "ko-KR": ("2쪽", "암호나 DRM", "메모.txt 빼기", "파일 첨부"),
    "en-US": ("2 pages", "password or DRM", "Remove 메모.txt", "Attach files"),
}
DROP = """([name, text]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], name));
    const room = document.getElementById("room");
    for (const kind of ["dragover", "drop"])
        room.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
PASTE = """([name, text]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], name));
    document.getElementById("text").dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true }));
}"""


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_files_are_attached_shown_and_sent(
    browser: Browser, base_url: str, house: House, locale: str
) -> None:
    with open_page(browser, base_url, locale=locale) as (page, watch):
        token = house.person("김하나")[1]
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        watch.expected.append("400")
        attach_and_send(page, house, *WORDS[locale])


def attach_and_send(page: Page, house: House, extent: str, locked: str, remove: str, button: str) -> None:
    page.goto("/chat")
    expect(page.get_by_role("button", name=button)).to_be_visible()
    page.locator("#file").set_input_files([MEMO, REPORT, LOCKED])
    chips = page.locator("#files > li")
    expect(chips).to_have_count(3)
    expect(chips.nth(1).locator("[data-detail]")).to_have_text(extent)
    expect(chips.nth(2).locator("[data-detail]")).to_contain_text(locked)
    expect(page.locator("#status")).to_contain_text("잠긴.pdf")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert Axe().run(page, options=RULES).response["violations"] == []
    page.get_by_role("button", name=remove).press("Enter")
    expect(chips).to_have_count(2)
    expect(page.locator("#text")).to_be_focused()
    page.locator("#text").fill("요약해 줘")
    page.locator("#text").press("Enter")
    question = page.locator("article.question")
    expect(question.locator("[data-files]")).to_contain_text(f"보고서.pdf{extent}")
    expect(question.locator("[data-body]")).to_have_text("요약해 줘")
    assert "첫 쪽" in house.inference.asked[0].turns[-1].content
    assert "느티나무" not in house.inference.asked[0].turns[-1].content
    page.reload()
    expect(page.locator("article.question [data-files]")).to_contain_text("보고서.pdf")


def test_files_are_dropped_and_pasted(page: Page, house: House) -> None:
    page.goto("/chat")
    page.evaluate(DROP, ["떨군.txt", "하나"])
    page.evaluate(PASTE, ["붙인.md", "둘"])
    chips = page.locator("#files > li[data-state=done]")
    expect(chips).to_have_count(2)
    page.reload()
    expect(page.locator("#files > li")).to_have_count(2)
    page.set_viewport_size({"width": 320, "height": 640})
    assert sideways_scroll(page) == 0
    page.locator("#text").fill("둘 다 봐 줘")
    page.locator("#text").press("Enter")
    expect(page.locator("article.question [data-files] li")).to_have_count(2)
    prompt = house.inference.asked[0].turns[-1].content
    assert prompt.index("하나") < prompt.index("둘\n")


def test_what_is_too_large_never_leaves_the_page(page: Page, watch: Watch) -> None:
    page.goto("/chat")
    page.locator("#file").set_input_files([FilePayload(name="큰.txt", mimeType="", buffer=b"x" * 20_000_001)])
    expect(page.locator("#files > li")).to_contain_text("20 MB보다 큼")
    assert [one.url for one in watch.requests if one.url.endswith("/chat/attachments")] == []


def test_without_a_script_files_are_attached_by_a_plain_form(
    browser: Browser, base_url: str, house: House
) -> None:
    with open_page(browser, base_url, java_script_enabled=False) as (page, watch):
        watch.expected.append("400")
        token = house.person("김하나")[1]
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        page.goto("/chat")
        page.locator("#text").fill("요약해 줘")
        chooser = page.locator("input[type=file][name=file]")
        chooser.set_input_files([MEMO])
        page.get_by_role("button", name="보내기", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("첨부")  # it was chosen and not attached
        chooser.set_input_files([MEMO, LOCKED, REPORT])
        page.get_by_role("button", name="첨부", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("잠긴.pdf")
        expect(page.locator("#files > li")).to_have_count(2)
        page.get_by_role("button", name="메모.txt 빼기").click()
        expect(page.locator("#text")).to_have_value("요약해 줘")
        page.get_by_role("button", name="보내기", exact=True).click()
        expect(page.locator("article.question [data-files]")).to_contain_text("보고서.pdf2쪽")
    assert "첫 쪽" in house.inference.asked[0].turns[-1].content
