"""What is made before the door opens need not be made for the first reader."""

from typing import NoReturn

import pytest
from jinja2 import Environment
from pygments.lexers import get_lexer_by_name

from appliance.config import share_folder
from appliance.http.cookies import Cookies
from appliance.http.markdown import render
from appliance.http.view import View
from appliance.http.warming import LANGUAGES, SAMPLE, warm
from appliance.i18n import translator
from tests.fakes import FakeClock


@pytest.fixture
def view() -> View:
    return View(share_folder("web"), Cookies(secure=False))


def test_no_page_is_compiled_any_more(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    warm(view, FakeClock().now())

    def compiled(*_given: object, **_named: object) -> NoReturn:
        raise AssertionError("a page was compiled")

    monkeypatch.setattr(Environment, "compile", compiled)
    view.compile_all()


def test_the_sample_has_every_kind_of_block() -> None:
    tags = {node.tag for node in render(SAMPLE, translator("en"))}
    assert tags >= {"p", "ol", "ul", "blockquote", "div", "math"}


def test_the_languages_are_known_by_their_names() -> None:
    for language in LANGUAGES:
        assert get_lexer_by_name(language)
