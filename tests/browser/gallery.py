"""The ten main pages in an office with a little life in it, for screenshots and for what they must fulfil."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

WIDTHS = ((320, 640), (768, 1024), (1440, 900))
THEMES = ("light", "dark")

# What is cut off although nothing says so: text wider or higher than the box that clips it.
CLIPPED = """
() => [...document.querySelectorAll("body *")].filter((element) => {
  if (!element.checkVisibility() || !element.textContent.trim()) return false;
  if (element.closest(".unseen, .skip")) return false;
  const style = getComputedStyle(element);
  const cuts = (axis) => ["hidden", "clip"].includes(style[axis]);
  return (cuts("overflowX") && element.scrollWidth > element.clientWidth + 1)
    || (cuts("overflowY") && element.scrollHeight > element.clientHeight + 1);
}).map((element) => `${element.tagName}.${element.className}`)
"""

# Controls that lie on each other: no two buttons, links or fields may share more than a hair.
OVERLAPS = """
() => {
  const found = [];
  const controls = document.querySelectorAll("a, button, input, select, textarea, summary");
  const seen = [...controls].filter((element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest(".skip, .jump"));
  const boxes = seen.map((element) => element.getBoundingClientRect());
  for (let i = 0; i < seen.length; i++) for (let j = i + 1; j < seen.length; j++) {
    if (seen[i].contains(seen[j]) || seen[j].contains(seen[i])) continue;
    const scrolls = (element) => element.closest(".scroll, .list");
    if (scrolls(seen[i]) !== scrolls(seen[j])) continue; // what scrolls goes under what stays
    const [a, b] = [boxes[i], boxes[j]];
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 2 && height > 2) found.push([seen[i], seen[j]].map((one) => one.outerHTML.slice(0, 80)));
  }
  return found;
}
"""


@dataclass(frozen=True)
class Shot:
    """One page: its name, its address, and what is done before the picture is taken."""

    name: str
    address: str
    ready: Callable[[Page], None] = lambda _page: None


def _at_the_end(page: Page) -> None:
    expect(page.locator("article.answer[data-state=done]")).to_be_visible()


def shots(conversation: str) -> tuple[Shot, ...]:
    """The pages of somebody signed in; the sign-in page is taken before."""
    return (
        Shot("new", "/chat"),
        Shot("conversation", conversation, _at_the_end),
        Shot("search", "/search?q=회의"),
        Shot("account", "/account"),
        Shot("my-data", "/account/data"),
        Shot("security", "/account/security"),
        Shot("dashboard", "/console/dashboard"),
        Shot("policies", "/console/policies"),
        Shot("audit", "/console/audit"),
    )


def faults(page: Page) -> list[str]:
    """Clipped text and overlapping controls on the page as it stands."""
    found: list[str] = page.evaluate(CLIPPED) + page.evaluate(OVERLAPS)
    return found
