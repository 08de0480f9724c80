"""What every page must have, read from the pages themselves."""

import re
from html.parser import HTMLParser

import pytest

from appliance.config import share_folder
from appliance.http.assets import Assets
from appliance.http.csrf import token_for
from appliance.ids import new_id
from tests.http.conftest import Client
from tests.http.fakes import SETUP_TOKEN

FREE_TEXT = {
    "spellcheck": "false",
    "autocorrect": "off",
    "autocapitalize": "off",
    "autocomplete": "off",
    "writingsuggestions": "false",
    "translate": "no",
    "data-gramm": "false",
}
CREDENTIALS = {"username", "current-password", "new-password", "one-time-code"}
# A field as a template writes it; what stands in Jinja's braces may hold any sign.
FIELD = re.compile(r'<(?:textarea|input)\b(?:\{\{.*?\}\}|\{%.*?%\}|"[^"]*"|[^>"{]|\{)*>')
NO_WORDS = re.compile(r'type="(?:hidden|file|checkbox|radio|number|datetime-local|month)"')
FIRST_PAINT_LIMIT = 100_000
SCRIPT_LIMIT = 60_000


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.found.append((tag, attributes))
        if tag == "form" and attributes.get("method") == "post":
            self.forms.append([])
        if tag == "input" and attributes.get("name") == "csrf" and self.forms:
            self.forms[-1].append(attributes.get("value") or "")


@pytest.fixture
def pages(alice: Client, stranger: Client, admin: Client) -> dict[str, str]:
    """Every page there is, by a name."""
    sent = alice.post("/chat/messages", text="**hello** `code`", client_id=new_id())
    place = sent.headers["location"]
    alice.get(place)
    return {
        "sign-in": stranger.get("/sign-in").text,
        "error": alice.get("/nothing").text,
        "new": alice.get("/chat").text,
        "conversation": alice.get(place).text,
        "refused": alice.post(f"{place}/messages", text=" ", client_id=new_id()).text,
        "rename": alice.get(f"{place}/rename").text,
        "delete": alice.get(f"{place}/delete").text,
        "account": alice.post("/account/keys", label="x").text,
        "security": alice.get("/account/security").text,
        "password": alice.get("/account/password").text,
        "second factor": alice.get("/account/second-factor").text,
        "confirm": alice.get("/account/confirm").text,
        "dashboard": admin.get("/console/dashboard").text,
        "link": alice.get("/link?to=https://a.example").text,
    }


def test_free_text_never_goes_to_a_browsers_helpers(pages: dict[str, str]) -> None:
    fields = 0
    for name, page in pages.items():
        for tag, attributes in Elements(page).found:
            if tag != "textarea" and (
                tag != "input" or attributes.get("type") not in ("text", "password", None)
            ):
                continue
            fields += 1
            wanted = dict(FREE_TEXT)
            if attributes.get("autocomplete") in CREDENTIALS:
                del wanted["autocomplete"]
            assert wanted.items() <= attributes.items(), (name, attributes.get("name"))
    assert fields >= 8


def test_no_template_has_a_field_for_words_that_a_browsers_helper_may_read() -> None:
    fields = [
        (file.name, field)
        for file in sorted((share_folder("web") / "templates").rglob("*.html"))
        for field in FIELD.findall(file.read_text("utf-8"))
        if not NO_WORDS.search(field)
    ]
    assert len(fields) >= 50
    assert [field for field in fields if "free()" not in field[1] and "credential(" not in field[1]] == []


def test_nothing_is_inline_and_nothing_is_from_elsewhere(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        for tag, attributes in Elements(page).found:
            assert tag not in ("style", "iframe", "object", "embed", "base", "img"), name
            assert tag != "script" or (attributes.get("src") or "").startswith("/static/"), name
            assert not any(key == "style" or key.startswith("on") for key in attributes), name
            for key in ("src", "href", "action", "formaction"):
                target = attributes.get(key) or "/"
                assert target.startswith(("/", "#")) or name == "link", (name, target)


def test_every_form_that_changes_something_carries_the_token(
    pages: dict[str, str], alice: Client, admin: Client
) -> None:
    tokens_of = {client: token_for(client.http.cookies["naesil"]) for client in (alice, admin)}
    for name, page in pages.items():
        forms = Elements(page).forms
        assert forms, name
        for tokens in forms:
            assert len(tokens) == 1, name
            if name != "sign-in":
                assert tokens[0] in tokens_of.values(), name


def test_pages_have_a_language_a_title_and_one_main_heading(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        tags = [tag for tag, _ in Elements(page).found]
        assert tags.count("h1") == 1, name
        assert tags.count("main") == 1, name
        assert '<html lang="en"' in page
        assert "hello" not in page.split("</title>")[0], name


def test_buttons_without_words_have_a_name(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        for _tag, attributes in Elements(page).found:
            classes = (attributes.get("class") or "").split()
            if "icon-button" in classes or "round" in classes:
                assert attributes.get("aria-label"), name


def test_the_setup_page_too(stranger: Client) -> None:
    # a fixture of its own: it exists only while nobody has signed up
    page = stranger.get(f"/setup/{SETUP_TOKEN}").text
    for tag, attributes in Elements(page).found:
        if tag == "input" and attributes.get("type") in ("text", "password"):
            assert attributes.get("autocomplete") in CREDENTIALS
            assert attributes.get("spellcheck") == "false"
    assert [len(tokens) for tokens in Elements(page).forms] == [1, 1]


def test_the_first_paint_and_the_scripts_stay_small(pages: dict[str, str]) -> None:
    sizes = Assets(share_folder("web") / "static").sizes()
    scripts = sum(size for name, size in sizes.items() if name.endswith(".js"))
    styles = sum(size for name, size in sizes.items() if name.endswith(".css"))
    assert scripts <= SCRIPT_LIMIT
    assert len(pages["new"].encode()) + scripts + styles + sizes["icons/mark.svg"] <= FIRST_PAINT_LIMIT


def test_every_password_is_masked_and_can_be_pasted() -> None:
    fields = [
        field
        for file in (share_folder("web") / "templates").rglob("*.html")
        for field in re.findall(r"<input[^>]*-password[^>]*>", file.read_text("utf-8"))
    ]
    assert len(fields) >= 5
    for field in fields:
        assert 'type="password"' in field
        assert "readonly" not in field
    scripts = [file.read_text("utf-8") for file in (share_folder("web") / "static").rglob("*.js")]
    assert not [one for one in scripts if "paste" in one and "password" in one]
