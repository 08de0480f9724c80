"""Pages from templates: autoescaped, in the reader's language, with the form token in reach."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import CodeType
from typing import Any

from babel.dates import format_date
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from appliance.http import cookies, csrf
from appliance.http.assets import Assets
from appliance.i18n import LANGUAGES, Translator, negotiate, translator
from appliance.ids import new_id

SEOUL = timezone(timedelta(hours=9))  # no daylight saving since 1988; needs no zone files inside the jail
THEMES = ("system", "light", "dark")
SEND_KEYS = ("enter", "ctrl-enter")
KEY_WISHES = ("off", "on")  # off by default: WCAG 2.2, 2.1.4


class View:
    """Templates and catalogues, read once."""

    def __init__(self, web: Path, jar: cookies.Cookies) -> None:
        self.assets = Assets(web / "static")
        self._cookies = jar
        self._translators = {language: translator(language) for language in LANGUAGES}
        compiled = Compiled()
        self._environments = {
            language: _environment(web / "templates", words, self.assets, compiled)
            for language, words in self._translators.items()
        }

    def compile_all(self) -> None:
        """Read and compile every template now; some tenths of a second."""
        for environment in self._environments.values():
            for name in environment.list_templates(["html"]):
                environment.get_template(name)

    @property
    def translators(self) -> Iterable[Translator]:
        """One for each language."""
        return self._translators.values()

    def language(self, request: Request) -> str:
        """The language chosen here before, or else the browser's."""
        chosen = self._cookies.read(request, cookies.LANGUAGE)
        return chosen if chosen in LANGUAGES else negotiate(request.headers.get("accept-language", ""))

    def words(self, request: Request) -> Translator:
        return self._translators[self.language(request)]

    def page(self, request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """A whole page. Gives a visitor without a session the cookie that form tokens hang on."""
        session = self._cookies.read(request, cookies.SESSION)
        visitor = self._cookies.read(request, cookies.VISITOR)
        secret = session or visitor or secrets.token_urlsafe(32)
        html = (
            self._environments[self.language(request)]
            .get_template(template)
            .render(
                token=csrf.token_for(secret),
                here=_here(request),
                theme=self._choice(request, cookies.THEME, THEMES),
                send_key=self._choice(request, cookies.SEND_KEY, SEND_KEYS),
                single_keys=self._choice(request, cookies.SINGLE_KEYS, KEY_WISHES),
                notice_seen=bool(self._cookies.read(request, cookies.NOTICE)),
                **values,
            )
        )
        response = HTMLResponse(html, status)
        if not session and not visitor:
            self._cookies.keep(response, cookies.VISITOR, secret)
        return response

    def _choice(self, request: Request, name: str, allowed: tuple[str, ...]) -> str:
        chosen = self._cookies.read(request, name)
        return chosen if chosen in allowed else allowed[0]


class Compiled(BytecodeCache):
    """Each template's code: compiled once, and in memory once, for both languages."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.code


def _environment(templates: Path, words: Translator, assets: Assets, compiled: Compiled) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
        bytecode_cache=compiled,
    )
    environment.install_gettext_callables(words, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(asset=assets.url, language=words.language, fresh_id=new_id)
    environment.filters["day"] = lambda time: day(time, words.language)
    environment.filters["second"] = second
    environment.filters["minute"] = lambda time: minute(time, words.language)
    return environment


def day(time: datetime, language: str) -> str:
    """A date as people in Seoul read it."""
    return format_date(time.astimezone(SEOUL).date(), "long", locale=language)


def minute(time: datetime, language: str) -> str:
    """Date and time of day, 24 hours, as people in Seoul read it."""
    return f"{day(time, language)} {time.astimezone(SEOUL):%H:%M}"


def second(time: str) -> str:
    """A moment as the audit log writes it (RFC 3339), to the second as people in Seoul read it."""
    return f"{datetime.fromisoformat(time).astimezone(SEOUL):%Y-%m-%d %H:%M:%S}"


def _here(request: Request) -> str:
    """Where a preference form should come back to: this page if it can be got again."""
    if request.method != "GET":
        return "/"
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
