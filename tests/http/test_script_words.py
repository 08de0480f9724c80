"""Every word that a script says is on each page that runs the script."""

import re
from pathlib import Path

from appliance.config import share_folder

WEB = share_folder("web")
TEMPLATES = WEB / "templates"
USE = re.compile(r"\bwords\.(\w+)")
IMPORT = re.compile(r'^import .* from "\./([\w.]+)";$', re.MULTILINE)
LOADED = re.compile(r"<script type=\"module\" src=\"\{\{ asset\('js/([\w.]+)'\) \}\}\">")
INCLUDE = re.compile(r'{% include "([^"]+)" %}')


def needs(script: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """The words of a script and of all that it imports."""
    source = (WEB / "static" / "js" / script).read_text("utf-8")
    found = set(USE.findall(source))
    for name in set(IMPORT.findall(source)) - seen:
        found |= needs(name, seen | {script})
    return found


def offers(template: Path) -> set[str]:
    """The words in the page's #words, as a script names them."""
    source = template.read_text("utf-8")
    source += "".join((TEMPLATES / name).read_text("utf-8") for name in INCLUDE.findall(source))
    block = re.search(r'<div id="words" hidden(.*?)></div>', source, re.DOTALL)
    names = re.findall(r"\bdata-([a-z-]+)=", block[1]) if block else []
    return {re.sub(r"-(\w)", lambda letter: letter[1].upper(), name) for name in names}


def test_no_script_misses_a_word_on_its_page() -> None:
    pages = {template: LOADED.findall(template.read_text("utf-8")) for template in TEMPLATES.rglob("*.html")}
    talking = {
        template: set().union(*map(needs, scripts))
        for template, scripts in pages.items()
        if "chat.js" in scripts or "streams.js" in scripts
    }
    assert len(talking) == 3
    for template, wanted in talking.items():
        assert wanted >= {"writing", "thinking"}
        assert wanted <= offers(template), template.name
