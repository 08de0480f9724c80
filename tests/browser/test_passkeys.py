"""A passkey made on the security page signs its owner in; a copied or removed one does not."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.watch import Watch, open_page
from tests.http.fakes import House


def with_authenticator(page: Page) -> None:
    """A device with its own lock, as Chromium simulates one."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


@pytest.fixture
def office(browser: Browser, base_url: str, house: House) -> Iterator[tuple[Page, Watch]]:
    """김하나 at a host name, which WebAuthn needs."""
    url = base_url.replace("127.0.0.1", "localhost")
    with open_page(browser, url) as (page, watch):
        token = house.person("김하나")[1]
        page.context.add_cookies([{"name": "naesil", "value": token, "url": url}])
        yield page, watch


def test_a_passkey_is_added_used_and_removed(office: tuple[Page, Watch], house: House) -> None:
    page, watch = office
    page.goto("/account/security")
    with_authenticator(page)
    page.get_by_label("기기 이름").fill("사무실 노트북")
    page.get_by_role("button", name="패스키 추가").click()
    expect(page.get_by_text("사무실 노트북")).to_be_visible()
    (kept,) = house.identity.passkeys.list(house.accounts.find("김하나").id)
    assert kept.used_at is None

    page.goto("/account")
    page.get_by_role("button", name="로그아웃").click()
    page.get_by_role("button", name="패스키로 로그인").click()
    expect(page).to_have_url(re.compile("/chat$"))
    assert house.identity.passkeys.list(house.accounts.find("김하나").id)[0].used_at is not None

    page.goto("/account/security")
    page.get_by_role("button", name="사무실 노트북 제거").click()
    expect(page.get_by_text("사무실 노트북")).to_have_count(0)
    page.goto("/account")
    page.get_by_role("button", name="로그아웃").click()
    watch.expected.append("401")
    page.get_by_role("button", name="패스키로 로그인").click()
    expect(page.get_by_role("alert").filter(has_text="등록되지 않은 패스키")).to_be_visible()


def test_an_address_in_numbers_offers_no_passkey(page: Page) -> None:
    page.goto("/account/security")
    expect(page.get_by_role("button", name="패스키 추가")).to_be_hidden()
