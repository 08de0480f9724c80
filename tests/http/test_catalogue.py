"""Both languages are complete, and in step with the sources."""

import re

import pytest
from babel.messages.catalog import Catalog

from appliance.http import phrases
from appliance.i18n import LANGUAGES, negotiate, translator
from appliance.protocol.messages import Progress, Queued
from tools import catalogue

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return catalogue.extract()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_of_the_sources_is_translated(template: Catalog, language: str) -> None:
    kept = catalogue.read(language)
    unknown = {message.id for message in template} - {message.id for message in kept}
    assert unknown == set(), "run: python tools/catalogue.py, then translate"
    assert catalogue.missing(kept) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_loses_a_value_or_invents_one(language: str) -> None:
    for message in catalogue.read(language):
        if not message.id:
            continue
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        known = set(PLACEHOLDER.findall(" ".join(sources)))
        translations = [message.string] if isinstance(message.string, str) else list(message.string or ())
        for text in translations:
            assert set(PLACEHOLDER.findall(text)) <= known, text
            assert ("\n" in text) == any("\n" in source for source in sources), text
            assert isinstance(message.id, tuple) or set(PLACEHOLDER.findall(text)) == known, text


def test_a_translation_has_as_many_lines_as_its_message() -> None:
    for message in catalogue.read("ko"):
        if message.id:
            text, source = str(message.string), str(message.id)
            assert text.count("\n") == source.count("\n"), text


def test_korean_is_korean() -> None:
    same = {"%(path)s: %(place)s: %(problem)s."}
    for message in catalogue.read("ko"):
        texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
        for text in texts if message.id and message.id not in same else []:
            assert re.search("[가-힣]", text), text


def test_korean_has_one_form_and_english_two() -> None:
    korean, english = translator("ko"), translator("en")
    assert phrases.dropped(1, english).startswith("The oldest message was")
    assert phrases.dropped(3, english).startswith("The 3 oldest messages were")
    assert "메시지 1개" in phrases.dropped(1, korean)
    assert "메시지 3개" in phrases.dropped(3, korean)
    assert phrases.dropped(0, korean) == ""


def test_the_queue_is_said_as_people_say_it() -> None:
    korean = translator("ko")
    assert phrases.waiting(Queued("", 2, 40.0), korean) == "대기 2번째, 약 40초"
    assert phrases.waiting(Queued("", 9, 240.0), korean) == "대기 9번째, 약 4분"
    assert phrases.waiting(Queued("", 1), korean) == "대기 1번째"
    assert phrases.waiting(Progress("", 30, 90), korean) == "질문 읽는 중 33%"
    assert phrases.done(320, korean) == "답변 완료, 320자"


def test_an_unknown_message_stays_readable() -> None:
    assert translator("ko")("No such message") == "No such message"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr,de;q=0.9", "en"),
        ("fr,ko;q=0.2", "ko"),
        ("ko;q=0,en;q=0.1", "en"),
        ("en;q=broken,ko;q=0.1", "ko"),
        (",;q=1,,", "en"),
    ],
)
def test_the_browsers_wish_is_followed(header: str, language: str) -> None:
    assert negotiate(header) == language
