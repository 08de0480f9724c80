"""A browser on the pages of a small office. Other tests may use tests.browser.watch on any address."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.office import serve, tell
from tests.browser.watch import Watch, open_browser, open_page
from tests.http.fakes import House, cheap_passwords


@pytest.fixture(scope="module", autouse=True)
def passwords_cost_little() -> Iterator[None]:
    with cheap_passwords():
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def house() -> Iterator[House]:
    house = House(tell)
    yield house
    house.close()


@pytest.fixture
def base_url(house: House) -> Iterator[str]:
    with serve(house) as url:
        yield url


@pytest.fixture
def watched(browser: Browser, base_url: str, house: House) -> Iterator[tuple[Page, Watch]]:
    """A Korean browser in which 김하나 is signed in; fails the test for anything unexpected."""
    with open_page(browser, base_url) as (page, watch):
        token = house.person("김하나")[1]
        page.context.add_cookies([{"name": "naesil", "value": token, "url": base_url}])
        yield page, watch


@pytest.fixture
def page(watched: tuple[Page, Watch]) -> Page:
    return watched[0]


@pytest.fixture
def watch(watched: tuple[Page, Watch]) -> Watch:
    return watched[1]


@pytest.fixture
def newcomer(browser: Browser, base_url: str) -> Iterator[Page]:
    """A Korean browser in which nobody is signed in."""
    with open_page(browser, base_url) as (page, _watch):
        yield page
