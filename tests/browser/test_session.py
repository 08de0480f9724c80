"""One whole session, the same in Korean and in English: after every step no word is in the other language."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.language import foreign_words
from tests.browser.test_chat import ask
from tests.browser.watch import open_page
from tests.extractor import documents
from tests.http.fakes import PASSWORD, SETUP_TOKEN

MEMO = FilePayload(name="memo.txt", mimeType="text/plain", buffer="느티나무 심기".encode())
LOCKED = FilePayload(name="locked.pdf", mimeType="application/pdf", buffer=documents.locked_pdf())
QUESTION = "정리해 줘"
MARKS = {"ko-KR": "생성형 AI", "en-US": "generative AI"}


@dataclass(frozen=True)
class Session:
    """A person at one browser."""

    page: Page
    locale: str

    def look(self) -> None:
        """Nothing in the other language, once the page is whole."""
        self.page.wait_for_load_state()
        assert foreign_words(self.page, self.locale) == [], self.page.url

    def answered(self, count: int = 1) -> None:
        expect(self.page.locator("article.answer[data-state=done]")).to_have_count(count)
        self.look()

    def menu(self) -> None:
        self.page.wait_for_load_state()
        self.page.locator(".menu > summary").click()
        expect(self.page.locator(".menu-body")).to_be_visible()
        self.look()


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_from_setting_up_to_signing_out(browser: Browser, base_url: str, locale: str) -> None:
    with open_page(browser, base_url, locale=locale) as (page, watch):
        watch.expected.append("400")  # a file that cannot be read
        session = Session(page, locale)
        set_up(session)
        ask_stop_edit_and_turn_back(session)
        order(session)
        take_a_copy_along(session)
        attach(session)
        delete_and_undo(session)
        use_an_assistant(session)
        use_a_prompt(session)
        compare(session)
        talk_and_be_forgotten(session)
        look_at_ones_own_data_and_leave(session)


def set_up(session: Session) -> None:
    page = session.page
    page.goto(f"/setup/{SETUP_TOKEN}")
    session.look()
    page.locator("input[name=name]").fill("김하나")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=repeated]").fill(PASSWORD)
    page.locator("button.primary").click()
    expect(page.locator("#examples")).to_be_visible()
    session.look()
    page.locator(".ai-notice button").click()
    expect(page.locator(".ai-notice")).to_have_count(0)
    page.wait_for_load_state()
    page.locator("#help").click()
    session.look()
    page.keyboard.press("Escape")


def ask_stop_edit_and_turn_back(session: Session) -> None:
    page = session.page
    ask(page, f"{QUESTION} 천천히")
    expect(page.locator("[data-tail]")).to_contain_text("3번째 문장이에요.")
    session.look()
    page.keyboard.press("Escape")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
    session.look()
    page.locator("[data-edit]").click()
    expect(page.locator("textarea[name=text]")).to_be_focused()
    session.look()
    page.locator("textarea[name=text]").fill(QUESTION)
    page.locator("button.primary").click()
    session.answered()
    expect(page.locator("article.question .pager")).to_contain_text("2/2")
    page.locator("article.answer [data-again] button").click()
    expect(page.locator("article.answer .pager")).to_contain_text("2/2")
    session.answered()
    page.locator("article.answer .pager button").first.click()
    expect(page.locator("article.answer .pager")).to_contain_text("1/2")
    session.look()


def order(session: Session) -> None:
    """Rename, pin, file, archive, find."""
    page = session.page
    page.locator(".bar > [data-dialog=rename]").click()
    session.look()
    page.locator("#rename input[name=title]").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    page.wait_for_load_state()
    page.locator(".bar > form button[aria-pressed=false]").click()
    expect(page.locator(".bar > form button[aria-pressed=true]")).to_be_visible()
    session.menu()
    page.locator(".menu input[name=folder]").fill("보고서")
    page.keyboard.press("Enter")
    expect(page.locator(".menu-body")).to_be_hidden()
    page.locator(".bar > form button[aria-pressed=true]").click()
    expect(page.locator(".list details > summary")).to_have_text("보고서")
    session.menu()
    page.locator(".menu input[name=archived] + button").click()
    expect(page.locator(".list details:not([open]) > summary")).to_be_visible()
    session.look()
    page.locator(".find input").fill("정리")
    page.keyboard.press("Enter")
    expect(page.locator(".hits a")).to_be_visible()
    session.look()
    page.locator(".hits a").click()
    session.answered()


def take_a_copy_along(session: Session) -> None:
    session.menu()
    for form in ("md", "txt", "json", "html"):
        with session.page.expect_download() as fetched:
            session.page.locator(f".menu button[value={form}]").click()
        copy = Path(fetched.value.path()).read_text("utf-8")
        assert MARKS[session.locale] in copy, form
        assert QUESTION in copy, form
    session.page.keyboard.press("Escape")
    expect(session.page.locator(".menu-body")).to_be_hidden()


def attach(session: Session) -> None:
    page = session.page
    page.locator("#file").set_input_files([MEMO, LOCKED])
    expect(page.locator("#files > li[data-state=done]")).to_have_count(1)
    expect(page.locator("#files > li[data-state=refused]")).to_have_count(1)
    session.look()
    ask(page, QUESTION)
    session.answered(2)
    expect(page.locator("article.question").last.locator("[data-files]")).to_contain_text("memo.txt")


def delete_and_undo(session: Session) -> None:
    page = session.page
    page.locator(".bar > [data-dialog=delete]").click()
    session.look()
    page.locator("#delete button.danger").click()
    expect(page.locator(".undo")).to_be_visible()
    session.look()
    page.locator(".undo button").click()
    session.answered(2)


def use_an_assistant(session: Session) -> None:
    page = session.page
    page.goto("/assistants")
    session.look()
    page.locator("input[name=name]").fill("요약 도우미")
    page.locator("textarea[name=instructions]").fill("짧게 답하라")
    page.locator("textarea[name=starters]").fill(QUESTION)
    page.locator("button.primary").click()
    page.get_by_role("link", name="요약 도우미", exact=True).click()
    expect(page.locator("#assistant")).to_be_visible()
    session.look()
    page.locator("#examples button").click()
    page.keyboard.press("Enter")
    session.answered()


def use_a_prompt(session: Session) -> None:
    page = session.page
    page.goto("/prompts")
    session.look()
    page.locator("input[name=name]").fill("보고서")
    page.locator("textarea[name=text]").fill("{{주제}} 보고서를 써 줘")
    page.locator("form.stack button.primary").click()
    page.get_by_role("link", name="보고서", exact=True).click()
    expect(page.locator("textarea[name=value-0]")).to_be_focused()
    session.look()
    page.locator("textarea[name=value-0]").fill("요")
    page.locator("button.primary").click()
    expect(page.locator("#text")).to_have_value("요 보고서를 써 줘")
    session.look()


def compare(session: Session) -> None:
    page = session.page
    page.goto("/compare")
    session.look()
    page.locator("textarea[name=text]").fill(QUESTION)
    page.locator("button.primary").click()
    session.answered(2)
    page.locator(".columns form button").first.click()
    session.answered()


def talk_and_be_forgotten(session: Session) -> None:
    page = session.page
    page.goto("/temporary")
    session.look()
    ask(page, QUESTION)
    session.answered()
    page.locator("button.danger").click()
    expect(page).to_have_url(re.compile("/chat$"))
    session.look()


def look_at_ones_own_data_and_leave(session: Session) -> None:
    page = session.page
    page.locator(".known a").click()
    expect(page.locator(".stacked").first).to_be_visible()
    session.look()
    for address in ("/account", "/account/usage", "/account/security"):
        page.goto(address)
        session.look()
    page.goto("/chat")
    page.locator(".side-foot [data-wipe] button").click()
    expect(page.locator("input[name=password]")).to_be_visible()
    session.look()
