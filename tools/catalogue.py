"""Brings web/locales in step with the sources: new messages appear, gone ones leave, English fills itself.

python tools/catalogue.py           update the files, list what is not translated
python tools/catalogue.py --check   change nothing, exit 1 if anything is missing
"""

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LOCALES = ROOT / "web" / "locales"
LANGUAGES = ("ko", "en")
KEYWORDS = {"_": None, "N_": None, "words": None, "_translate": None, "gettext": None, "ngettext": (1, 2)}
PYTHON = [("**.py", "python")]
TEMPLATES = [("**.html", "jinja2")]


def extract() -> Catalog:
    """Every message in appliance/ and web/templates/."""
    template = Catalog(project="naesil", charset="utf-8")
    for folder, method in ((ROOT / "appliance", PYTHON), (ROOT / "web" / "templates", TEMPLATES)):
        found = extract_from_dir(
            folder, method, options_map={"**.html": {"trimmed": "true"}}, keywords=KEYWORDS
        )
        for file, _line, message, comments, context in found:
            place = (folder / file).relative_to(ROOT).as_posix()
            template.add(message, locations=[(place, 0)], auto_comments=comments, context=context)
    return template


def read(language: str) -> Catalog:
    path = LOCALES / language / "LC_MESSAGES" / "naesil.po"
    if not path.exists():
        return Catalog(locale=language, project="naesil", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str, template: Catalog) -> Catalog:
    """The catalogue with exactly the template's messages, what was translated kept."""
    catalog = read(language)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    for message in catalog:
        message.flags.discard("fuzzy")  # left where one form became two; the pages would pass it over
    if language == "en":
        for message in catalog:
            if message.id:
                message.string = message.id
    return catalog


def missing(catalog: Catalog) -> list[str]:
    """Messages without a translation."""
    return [str(message.id) for message in catalog if message.id and not _complete(message.string)]


def text(catalog: Catalog) -> bytes:
    """The file as it is kept: stable order, files without line numbers, no dates."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, sort_output=True, omit_header=True, include_lineno=False)
    language = catalog.locale.language if catalog.locale else "en"
    head = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {language}\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return head.encode() + buffer.getvalue()


def main(arguments: list[str]) -> int:
    template = extract()
    problems = 0
    for language in LANGUAGES:
        catalog = updated(language, template)
        path = LOCALES / language / "LC_MESSAGES" / "naesil.po"
        content = text(catalog)
        if "--check" not in arguments:
            path.write_bytes(content)
        elif path.read_bytes() != content:
            problems += 1
            print(f"{path.relative_to(ROOT)} is not in step with the sources. Run: python tools/catalogue.py")
        for message in missing(catalog):
            problems += 1
            print(f"{language}: not translated: {message}")
    return 1 if problems else 0


def _complete(translation: object) -> bool:
    texts = translation if isinstance(translation, (tuple, list)) else [translation]
    return bool(texts) and all(isinstance(one, str) and one.strip() for one in texts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
