"""Messages in the reader's language: gettext catalogues read with Babel, no compiled files.

The message ids are the English texts. `web/locales/<language>/LC_MESSAGES/naesil.po` holds
the translations; `tools/catalogue.py` keeps them in step with the sources.
"""

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from appliance.config import share_folder

LANGUAGES = ("ko", "en")


class Translator:
    """One language. Call it with a message to get the translation; unknown messages stay English."""

    def __init__(self, language: str, catalog: Catalog) -> None:
        self.language = language
        self._texts: dict[str, tuple[str, ...]] = {}
        for message in catalog:
            if message.id and not message.fuzzy:
                key = message.id if isinstance(message.id, str) else message.id[0]
                found = message.string or ""
                self._texts[key] = (found,) if isinstance(found, str) else tuple(found)

    def __call__(self, message: str) -> str:
        """The translation of `message`, its placeholders untouched."""
        return self._texts.get(message, (message,))[0] or message

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The form that fits `number`. Korean has one form, English two."""
        texts = self._texts.get(singular, (singular, plural))
        form = min(0 if number == 1 else 1, len(texts) - 1)
        return texts[form] or (singular if number == 1 else plural)


def translator(language: str) -> Translator:
    """The catalogue of one of LANGUAGES, read now; keep it, reading takes some milliseconds."""
    path = share_folder("web") / "locales" / language / "LC_MESSAGES" / "naesil.po"
    with path.open("rb") as file:
        return Translator(language, read_po(file, locale=language))


def negotiate(accept_language: str) -> str:
    """The best of ours for an Accept-Language header (RFC 9110, 12.5.4).

    Without a header Korean; with one that names neither of ours English.
    """
    if not accept_language.strip():
        return "ko"
    best, best_weight = "en", 0.0
    for entry in accept_language.split(","):
        name, _, parameter = entry.strip().partition(";")
        language = name.strip().lower().split("-")[0]
        weight = _weight(parameter)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
