"""Assistants, prompts, temporary chats and two answers side by side, in a real browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_console import RULES
from tests.browser.watch import sideways_scroll


def make(page: Page, name: str) -> None:
    page.goto("/assistants")
    page.get_by_label("이름").fill(name)
    page.get_by_label("지시문", exact=True).fill("짧게 답하라")
    page.get_by_label(re.compile("시작 질문")).fill("무엇을 도와줄 수 있어?")
    page.get_by_role("button", name="저장").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_a_conversation_with_an_assistant_says_so_and_offers_its_questions(page: Page) -> None:
    make(page, "요약 도우미")
    page.get_by_role("link", name="요약 도우미", exact=True).click()
    expect(page.locator("#assistant")).to_contain_text("요약 도우미")
    page.wait_for_load_state()
    page.get_by_role("button", name="무엇을 도와줄 수 있어?").click()
    page.keyboard.press("Enter")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    expect(page.locator("#assistant")).to_contain_text("요약 도우미")


def test_a_prompt_goes_into_the_message_field(page: Page) -> None:
    page.goto("/prompts")
    page.get_by_label("이름").fill("보고서")
    page.get_by_label("내용").fill("{{주제}} 보고서를 써 줘")
    page.get_by_role("button", name="저장").click()
    page.get_by_role("link", name="보고서", exact=True).click()
    page.get_by_label("주제", exact=True).fill("예산")
    page.get_by_role("button", name="입력란에 넣기").click()
    expect(page.locator("#text")).to_have_value("예산 보고서를 써 줘")


def test_a_temporary_chat_streams_is_stopped_and_forgotten(page: Page) -> None:
    page.goto("/chat")
    page.get_by_role("link", name="임시 대화").click()
    expect(page.get_by_role("note")).to_contain_text("저장되지 않아요")
    page.wait_for_load_state()
    page.locator("#text").fill("천천히 말해 줘")
    page.keyboard.press("Enter")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "writing")
    page.get_by_role("button", name="중지").click()
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
    page.get_by_role("button", name="이 대화를 끝내고 잊기").click()
    expect(page).to_have_url(re.compile("/chat$"))
    expect(page.locator(".side .list li")).to_have_count(0)


def test_two_answers_stream_side_by_side_and_one_is_kept(page: Page) -> None:
    page.goto("/compare")
    page.get_by_label("질문").fill("어느 쪽이 나아?")
    page.get_by_role("button", name="둘 다 물어보기").click()
    expect(page.locator("article.answer[data-state=done]")).to_have_count(2)
    page.get_by_role("button", name="이 답변으로 계속").first.click()
    expect(page.locator("article.answer")).to_have_count(1)
    expect(page.locator("article.answer .pager")).to_contain_text("1/2")


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_these_pages_fit_their_window_and_are_accessible(page: Page, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 700})
    make(page, "긴이름" * 15)
    for address in ("/assistants", "/prompts", "/temporary", "/compare", "/chat"):
        page.goto(address)
        assert sideways_scroll(page) == 0, address
        found = Axe().run(page, options=RULES).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], address
