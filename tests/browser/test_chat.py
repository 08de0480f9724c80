"""A person asks, watches the answer grow, stops it, comes back."""

from playwright.sync_api import Page, expect

from appliance.core import SYSTEM
from tests.browser.watch import Watch
from tests.http.fakes import PASSWORD, SETUP_TOKEN, House


def ask(page: Page, text: str) -> None:
    page.wait_for_load_state()  # Enter sends once the page's script is at work
    page.locator("#text").fill(text)
    page.keyboard.press("Enter")


def test_from_setup_to_the_first_answer(newcomer: Page) -> None:
    page = newcomer
    page.goto(f"/setup/{SETUP_TOKEN}")
    page.get_by_label("이름").fill("관리자")
    page.get_by_label("비밀번호", exact=True).fill(PASSWORD)
    page.get_by_label("비밀번호 확인").fill(PASSWORD)
    page.get_by_role("button", name="만들고 시작하기").click()
    expect(page).to_have_url(f"{page.url.split('/chat')[0]}/chat")
    expect(page.locator("#text")).to_be_focused()
    ask(page, "지난주 회의를 정리해 줘")
    expect(page.locator("article.question [data-body]")).to_have_text("지난주 회의를 정리해 줘")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("답변 완료")


def test_an_answer_streams_as_nodes_and_the_focus_stays(page: Page) -> None:
    page.goto("/chat")
    ask(page, "정리해 줘")
    answer = page.locator("article.answer")
    expect(answer).to_have_attribute("data-state", "done")
    expect(answer.locator("ol > li")).to_have_count(2)
    expect(answer.locator("pre .k").first).to_have_text("def")
    expect(answer.locator("math")).to_have_count(2)
    expect(answer.locator("td.right").first).to_have_text("1,200")
    expect(answer.locator(".chip").first).to_contain_text("외부 이미지 차단: evil.example")
    expect(answer.locator("[data-speed]")).to_contain_text("180토큰")
    expect(answer.locator("[data-dropped]")).to_contain_text("2개")
    expect(answer.get_by_text("<b>끝</b>")).to_be_visible()
    expect(page.locator("#text")).to_be_focused()


def test_what_streamed_is_what_a_reload_shows(page: Page) -> None:
    page.goto("/chat")
    ask(page, "처음")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    ask(page, "다시")
    expect(page.locator("article.answer[data-state=done]")).to_have_count(2)
    streamed = page.locator("article.answer [data-body]").all_inner_texts()
    page.reload()
    expect(page.locator("article.answer .code button")).to_have_count(2)
    assert page.locator("article.answer [data-body]").all_inner_texts() == streamed


def test_escape_stops_the_answer_and_keeps_what_was_said(page: Page, house: House) -> None:
    page.goto("/chat")
    ask(page, "천천히 말해 줘")
    expect(page.locator("[data-tail]")).to_contain_text("3번째 문장이에요.")
    expect(page.get_by_role("button", name="중지")).to_be_visible()
    page.keyboard.press("Escape")
    answer = page.locator("article.answer")
    expect(answer).to_have_attribute("data-state", "stopped")
    expect(answer).to_contain_text("3번째 문장이에요.")
    expect(answer.locator("[data-notice]")).to_have_text("중지했어요.")
    expect(page.get_by_role("button", name="보내기")).to_be_visible()
    assert not house.chat.running


def test_the_stop_button_stops_too(page: Page) -> None:
    page.goto("/chat")
    ask(page, "천천히")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "writing")
    page.get_by_role("button", name="중지").click()
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")


def test_a_reload_and_a_second_tab_join_the_running_answer(page: Page) -> None:
    page.goto("/chat")
    ask(page, "천천히")
    expect(page.locator("[data-tail]")).to_contain_text("5번째")
    page.reload()
    expect(page.locator("[data-tail]")).to_contain_text("0번째 문장이에요. 1번째 문장이에요.")
    second = page.context.new_page()
    second.goto(page.url)
    expect(second.locator("[data-tail]")).to_contain_text("0번째 문장이에요.")
    page.keyboard.press("Escape")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")
    expect(second.locator("article.answer")).to_have_attribute("data-state", "stopped")


def test_a_session_that_ended_does_not_lose_the_draft(page: Page, watch: Watch, house: House) -> None:
    watch.expected.append("401")
    page.goto("/chat")
    expect(page.locator("#examples")).to_be_visible()
    somebody = house.accounts.find("김하나")
    for opened in house.sessions.list(somebody.id):
        house.sessions.end(SYSTEM, somebody.id, opened.id)
    ask(page, "긴 글을 오래 썼어요")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("로그인 시간이 끝났어요.")
    expect(page.locator("#text")).to_have_value("긴 글을 오래 썼어요")
    alert.get_by_role("link", name="다시 로그인").click()
    expect(page).to_have_url(f"{page.url.split('/sign-in')[0]}/sign-in?next=%2Fchat")
    page.get_by_label("이름").fill("김하나")
    page.get_by_label("비밀번호").fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()
    expect(page.locator("#text")).to_have_value("긴 글을 오래 썼어요")


def test_a_server_that_is_away_gives_the_text_back(page: Page, watch: Watch) -> None:
    watch.expected.append("ERR_FAILED")
    page.goto("/chat")
    expect(page.locator("#examples")).to_be_visible()
    page.route("**/messages", lambda route: route.abort())
    ask(page, "잘 가고 있나요")
    expect(page.get_by_role("alert")).to_contain_text("서버에 연결하지 못했어요.")
    expect(page.locator("#text")).to_have_value("잘 가고 있나요")
    page.unroute("**/messages")
    page.get_by_role("button", name="보내기").click()
    expect(page.locator("article.question [data-body]")).to_have_text("잘 가고 있나요")


def test_drafts_are_wiped_when_sent_and_at_sign_out(page: Page) -> None:
    page.goto("/chat")
    expect(page.locator("#examples")).to_be_visible()
    ask(page, "보낼 글")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.wait_for_load_state()
    assert page.evaluate("Object.keys(sessionStorage)") == []
    page.locator("#text").fill("보내지 않을 글")
    assert page.evaluate("Object.values(sessionStorage)") == ["보내지 않을 글"]
    page.get_by_role("button", name="로그아웃").click()
    expect(page.get_by_role("heading", name="로그인")).to_be_visible()
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_renaming_and_deleting_ask_in_a_dialog(page: Page, house: House) -> None:
    page.goto("/chat")
    ask(page, "처음 제목")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_role("link", name="이름 바꾸기").click()
    field = page.get_by_role("dialog").get_by_label("제목")
    expect(field).to_be_focused()
    field.fill("나중 제목")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="나중 제목")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_role("link", name="삭제").click()
    page.get_by_role("dialog").get_by_role("link", name="취소").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="삭제").click()
    page.get_by_role("dialog").get_by_role("button", name="삭제").click()
    expect(page.get_by_role("heading", name="무엇을 함께 할까요?")).to_be_visible()
    assert house.conversations("김하나") == []


def test_code_and_answers_can_be_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/chat")
    ask(page, "코드")
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()
    page.get_by_role("button", name="코드 복사").click()
    expect(page.locator("#status")).to_have_text("복사했어요")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def total(rows: list[int]) -> int:\n")
    assert copied.endswith("# 한 줄이면 충분해요")


def test_the_reader_who_scrolled_up_is_left_alone(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 420})
    page.goto("/chat")
    ask(page, "천천히")
    expect(page.locator("[data-tail]")).to_contain_text("60번째")
    scroll = page.locator("#scroll")
    page.wait_for_function(
        "(e => e.scrollHeight - e.scrollTop - e.clientHeight < 48)(document.querySelector('#scroll'))"
    )
    scroll.evaluate("e => { e.scrollTop = 0; }")
    expect(page.get_by_role("button", name="최신 글로")).to_be_visible()
    expect(page.locator("[data-tail]")).to_contain_text("90번째")
    assert scroll.evaluate("e => e.scrollTop") == 0
    page.get_by_role("button", name="최신 글로").click()
    expect(page.get_by_role("button", name="최신 글로")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("article.answer")).to_have_attribute("data-state", "stopped")


def test_an_example_fills_the_field(page: Page) -> None:
    page.goto("/chat")
    page.get_by_role("button", name="이메일을 짧고 공손하게 다듬기").click()
    expect(page.locator("#text")).to_have_value("다음 이메일을 짧고 공손하게 다듬어 줘:\n")
    expect(page.locator("#text")).to_be_focused()


def test_ctrl_enter_sends_when_chosen(page: Page) -> None:
    page.goto("/account")
    choice = page.get_by_role("button", name="Ctrl+Enter로 보내기")
    choice.click()
    expect(choice).to_have_attribute("aria-pressed", "true")
    page.goto("/chat")
    expect(page.locator("#examples")).to_be_visible()
    page.locator("#text").fill("첫 줄")
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    expect(page.locator("#text")).to_have_value("첫 줄\nx")
    page.keyboard.press("Control+Enter")
    expect(page.locator("article.question")).to_contain_text("첫 줄")
