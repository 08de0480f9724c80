"""What the chat says about an answer, the same while it streams and when the page is loaded later."""

from collections.abc import Sequence

from appliance.chat.values import Attached, Screened
from appliance.core import DataClass
from appliance.errors import N_
from appliance.i18n import Translator
from appliance.protocol.messages import Progress, Queued

_ENDINGS = {
    "length": N_("The answer reached its length limit and was cut off here."),
    "cancelled": N_("Stopped."),
    "filtered": N_("The answer was ended here by a rule of your organisation."),
    "timeout": N_("The answer took too long and was stopped here."),
    "context_too_long": N_(
        "The question is too long for this model. Shorten it or start a new conversation."
    ),
    "queue_full": N_("Too many questions are waiting just now. Try again in a moment."),
    "crashed": N_(
        "The model process broke off twice over this question, so it is not tried again. Change the "
        "question or start a new conversation."
    ),
    "no_text": N_("This model only makes vectors. Ask it at /v1/embeddings."),
    "lost": N_("The model stopped before it could finish. Try again."),
}
KINDS = {
    "secret": N_("Password or key"),
    "rrn": N_("Resident number"),
    "foreigner": N_("Foreigner number"),
    "licence": N_("Driver's licence number"),
    "passport": N_("Passport number"),
    "iban": N_("IBAN"),
    "card": N_("Card number"),
    "phone": N_("Telephone number"),
    "business": N_("Business number"),
    "corporate": N_("Corporate number"),
    "health_insurance": N_("Health insurance number"),
    "account": N_("Account number"),
    "military": N_("Military number"),
    "student": N_("Student number"),
    "vehicle": N_("Vehicle number"),
    "email": N_("E-mail address"),
    "ip": N_("IP address"),
    "address": N_("Address"),
    "name": N_("Personal name"),
    "term": N_("Internal term"),
    "pattern": N_("Internal number"),
}
FIRST = {
    "page": N_("only the first %(shown)d of %(total)d pages"),
    "sheet": N_("only the first %(shown)d of %(total)d sheets"),
    "slide": N_("only the first %(shown)d of %(total)d slides"),
    "section": N_("only the first %(shown)d of %(total)d sections"),
}
OUTCOMES = {
    "allowed": N_("Allowed"),
    "masked": N_("Masked"),
    "blocked": N_("Blocked"),
    "refused": N_("Refused"),
    "failed": N_("Failed"),
    "asked": N_("Held back"),
    "warned": N_("Warned"),
}
CLASSES = {"O": N_("Open"), "S": N_("Sensitive"), "C": N_("Secret")}
NEARLY_FULL = 0.8  # of the context
_FAILED = N_("The answer could not be made. Try again.")


def classes(lowest: DataClass, words: Translator) -> list[tuple[str, str]]:
    """The classes from this one up, each with its name."""
    return [(one.value, words(CLASSES[one])) for one in DataClass if one.rank >= lowest.rank]


def waiting(event: Queued | Progress, words: Translator) -> str:
    """Place in the queue with the estimated wait, or how much of the prompt is read."""
    if isinstance(event, Progress):
        percent = 100 * event.done // max(1, event.total)
        return words("Reading the question, %(percent)d%%") % {"percent": percent}
    place = {"position": event.position}
    if event.eta_s is None:
        return words("Waiting, number %(position)d in line") % place
    if event.eta_s >= 90:
        minutes = {"minutes": round(event.eta_s / 60)}
        return words("Waiting, number %(position)d in line, about %(minutes)d min") % (place | minutes)
    seconds = {"seconds": max(1, round(event.eta_s))}
    return words("Waiting, number %(position)d in line, about %(seconds)d s") % (place | seconds)


def ending(state: str, reason: str, words: Translator) -> str:
    """Why an answer ended as it did; empty when it simply was complete."""
    if reason in _ENDINGS:
        return words(_ENDINGS[reason])
    return words(_FAILED) if state == "failed" else ""


def dropped(count: int, words: Translator) -> str:
    """That the oldest messages did not fit; never said when nothing was cut."""
    if count == 0:
        return ""
    text = words.ngettext(
        "The oldest message was left out of this answer: the model cannot read more at once.",
        "The %(count)d oldest messages were left out of this answer: the model cannot read more at once.",
        count,
    )
    return text % {"count": count}


def masked(detections: dict[str, int], words: Translator) -> str:
    """That personal data was replaced before the model read it."""
    count = sum(detections.values())
    if count == 0:
        return ""
    text = words.ngettext(
        "%(count)d piece of personal data masked", "%(count)d pieces of personal data masked", count
    )
    return text % {"count": count}


def screened(spans: Sequence[Screened], words: Translator) -> list[str]:
    """What happened to a question's findings, by kind: "주민등록번호 1건 가림 · 정책 P-3"."""
    counts: dict[tuple[str, bool, tuple[str, ...]], int] = {}
    for span in spans:
        key = (span.kind, span.hidden, span.rules)
        counts[key] = counts.get(key, 0) + 1
    texts = {
        True: N_("%(kind)s: %(count)d masked, rule %(rules)s"),
        False: N_("%(kind)s: %(count)d found, rule %(rules)s"),
    }
    return [
        words(texts[hidden]) % {"kind": words(KINDS[kind]), "count": count, "rules": ", ".join(rules)}
        for (kind, hidden, rules), count in counts.items()
    ]


def attached(file: Attached, words: Translator) -> str:
    """How much of a file the model reads: "12 pages", "the first 12 of 40 pages", "the first 30 %"."""
    if file.whole:
        return _whole(file, words)
    if file.shown and file.unit and file.shown < file.total:
        return words(FIRST[file.unit]) % {"shown": file.shown, "total": file.total}
    return words("only the first %(percent)d%%") % {
        "percent": max(1, 100 * file.used // max(1, file.characters)) if file.used < file.characters else 99
    }


def _whole(file: Attached, words: Translator) -> str:
    count = file.total if file.unit else file.characters
    said = {
        "": words.ngettext("%(count)d character", "%(count)d characters", count),
        "page": words.ngettext("%(count)d page", "%(count)d pages", count),
        "sheet": words.ngettext("%(count)d sheet", "%(count)d sheets", count),
        "slide": words.ngettext("%(count)d slide", "%(count)d slides", count),
        "section": words.ngettext("%(count)d section", "%(count)d sections", count),
    }
    return said[file.unit] % {"count": count}


def in_files(count: int, words: Translator) -> str:
    """That something was found in attached files; empty for nothing."""
    return words("In attached files: {count}").replace("{count}", str(count)) if count else ""


def colours(names: tuple[str, ...], words: Translator) -> list[tuple[str, str]]:
    """The colours an assistant's sign can have: (value, word)."""
    said = {
        "grey": N_("Grey"), "blue": N_("Blue"), "green": N_("Green"), "amber": N_("Amber"),
        "red": N_("Red"), "violet": N_("Violet"),
    }  # fmt: skip
    return [(name, words(said[name])) for name in names]


def settings(words: Translator) -> list[tuple[str, str]]:
    """The settings of the model by their ids."""
    said = {
        "standard": N_("Standard setting"),
        "precise": N_("Precise: says the likeliest"),
        "free": N_("Free: varies more"),
    }
    return [(name, words(text)) for name, text in said.items()]


def model(name: str, words: Translator) -> str:
    """What is answering when models are compared."""
    return words("Model %(name)s") % {"name": name}


def speed(tokens: int, seconds: float, words: Translator) -> str:
    """Tokens and tokens per second; empty for an answer without any."""
    if tokens == 0:
        return ""
    if seconds <= 0:
        return words("%(tokens)d tokens") % {"tokens": tokens}
    rate = f"{tokens / seconds:.1f}"
    return words("%(tokens)d tokens, %(rate)s per second") % {"tokens": tokens, "rate": rate}


def thought(reasoning: str, seconds: float, words: Translator) -> str:
    """The heading of what was thought before an answer; empty for an answer without."""
    if not reasoning:
        return ""
    if seconds < 1:
        return words("Thoughts before the answer")
    return words("Thought for %(seconds)d s before the answer") % {"seconds": round(seconds)}


def context(used: int, limit: int, words: Translator) -> str:
    """How much of what the model can read at once a conversation takes; empty when that is not known."""
    if not used or not limit:
        return ""
    if used >= NEARLY_FULL * limit:
        text = words("Context %(used)s / %(limit)s tokens. The oldest messages will soon be left out.")
    else:
        text = words("Context %(used)s / %(limit)s tokens")
    return text % {"used": f"{used:,}", "limit": f"{limit:,}"}


def done(characters: int, words: Translator) -> str:
    """What a screen reader hears at the end of an answer."""
    return words("Answer finished, %(count)d characters") % {"count": characters}
