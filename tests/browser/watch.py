"""A real Chromium that notices everything a page must never do.

Used by the tests here and by any test that drives the whole product: give it a base URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
SKIPPED_FADES = (
    "ViewTransition",
    "Transition was",
)  # Chromium's word that a page came too quickly to fade in
PATIENCE_MS = 20_000  # a busy machine is not a broken page
expect.set_options(timeout=PATIENCE_MS)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP violation: ${event.effectiveDirective} ${event.blockedURI}`));
"""


class Watch:
    """What went wrong on a page. A test may name console errors it provokes on purpose."""

    def __init__(self, base_url: str) -> None:
        self.host = urlsplit(base_url).netloc
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.expected: list[str] = list(SKIPPED_FADES)

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("request", self._request)

    def unexpected(self) -> list[str]:
        return [problem for problem in self.problems if not any(known in problem for known in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        if urlsplit(request.url).netloc != self.host:
            self.problems.append(f"request to another host: {request.url}")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Debian's Chromium, without any of its own network habits."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, base_url: str, **options: Any) -> Iterator[tuple[Page, Watch]]:
    """A page of a fresh profile. At the end nothing unexpected may have happened on it."""
    context: BrowserContext = browser.new_context(base_url=base_url, **({"locale": "ko-KR"} | options))
    watch = Watch(base_url)
    try:
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("page", watch.follow)
        yield context.new_page(), watch
        problems = watch.unexpected()
        assert problems == [], problems
    finally:
        context.close()


def sideways_scroll(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width
