"""A message that a rule holds back: what was found is marked, and the person chooses how to go on."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from appliance.policy.dlp import Action, Direction, DlpRule
from tests.browser.test_console import RULES, SCHEMES
from tests.browser.watch import Watch, open_page
from tests.http.fakes import House
from tests.http.test_data_classes import WHY, change

MAIL = "hong@corp.example"
TEXT = f"회의 결과를 {MAIL} 으로 보낼게요"


@pytest.fixture(autouse=True)
def rule(house: House) -> None:
    """Mail addresses are asked about."""
    rule = DlpRule(
        id="P-9", directions=(Direction.PROMPT,), detectors=("email",), action=Action.ASK, reason=WHY
    )
    change(house, dlp={"rules": (rule,)})


def write(page: Page, text: str) -> None:
    page.goto("/chat")
    page.locator("#text").fill(text)
    page.get_by_role("button", name="보내기", exact=True).click()
    expect(page.get_by_text("어떻게 할까요?")).to_be_visible()
    expect(page.locator("#held mark")).to_have_text(MAIL)


def test_it_is_sent_masked(page: Page, watch: Watch, house: House) -> None:
    watch.expected.append("403")
    write(page, TEXT)
    expect(page.locator("#text")).to_have_value(TEXT)  # nothing typed is lost
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert Axe().run(page, options=RULES).response["violations"] == []
    page.get_by_role("button", name="가려서 보내기").click()
    expect(page.locator("article.question .chip")).to_contain_text("P-9")
    (screened,) = house.conversations("김하나")[0].messages[0].screened
    assert screened.hidden


def test_it_is_edited_and_sent(page: Page, watch: Watch, house: House) -> None:
    watch.expected.append("403")
    write(page, TEXT)
    page.locator("#text").fill("회의 결과를 보낼게요")
    page.get_by_role("button", name="보내기", exact=True).click()
    expect(page.locator("article.question")).to_contain_text("회의 결과를 보낼게요")
    assert house.conversations("김하나")[0].messages[0].screened == ()


def test_it_is_sent_as_it_is_for_a_reason(page: Page, watch: Watch, house: House) -> None:
    watch.expected.append("403")
    watch.expected.append("400")
    write(page, TEXT)
    page.get_by_role("button", name="그대로 보내기").click()
    expect(page.get_by_role("alert")).to_be_visible()  # not without a reason
    page.get_by_label("그대로 보내야 하는 이유").fill("결재를 받았어요")
    page.get_by_role("button", name="그대로 보내기").click()
    expect(page.locator("article.question .chip")).to_contain_text("P-9")
    (screened,) = house.conversations("김하나")[0].messages[0].screened
    assert not screened.hidden


@pytest.mark.parametrize("address", ["/temporary", "/compare"])
def test_pages_of_plain_forms_offer_the_same(page: Page, watch: Watch, house: House, address: str) -> None:
    watch.expected.append("403")
    page.goto(address)
    page.locator("textarea[name=text]").fill(TEXT)
    page.locator("button.primary").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("textarea[name=text]")).to_have_value(TEXT)
    expect(page.get_by_role("button", name="그대로 보내기")).to_be_visible()
    page.get_by_role("button", name="가려서 보내기").click()
    expect(page.locator("article.question .chip")).to_be_visible()
    assert house.inference.asked
    assert all(MAIL not in one.turns[-1].content for one in house.inference.asked)


def test_without_a_script_the_same_choices_are_there(browser: Browser, base_url: str, house: House) -> None:
    token = house.person("김하나")[1]
    with open_page(browser, base_url, java_script_enabled=False) as (page, watch):
        watch.expected.append("403")
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        write(page, TEXT)
        page.get_by_role("button", name="가려서 보내기").click()
        expect(page.locator("article.question .chip")).to_contain_text("P-9")
