"""A conversation as a file to take along: Markdown, text, JSON or HTML, with the mark of its maker.

Each form says, for people and for machines, which words a generative AI wrote, by which model,
under which policy, when, and the SHA-256 of what it wrote (AI Basic Act, art. 31).
"""

import hashlib
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from appliance.chat.values import Attached, Conversation, Message
from appliance.errors import N_
from appliance.i18n import Translator

_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Origin:
    """What the mark says beside the text: model, policy revision, time of the export (UTC)."""

    model: str
    policy_revision: str
    exported_at: datetime


@dataclass(frozen=True, slots=True)
class Exported:
    """The file: its text, its media type, the ending of its name."""

    text: str
    media_type: str
    ending: str


def exported(conversation: Conversation, form: str, origin: Origin, words: Translator) -> Exported | None:
    """The conversation in this form; None for a form there is not."""
    write = FORMS.get(form)
    return write(conversation, origin, words) if write else None


def _markdown(conversation: Conversation, origin: Origin, words: Translator) -> Exported:
    parts = [f"# {conversation.title}", f"> {_notice(origin, words)}"]
    for message in conversation.messages:
        parts += [f"## {_speaker(message, words)}", *_files(message, words), message.text]
    parts.append(f"<!-- {_json_mark(conversation, origin)} -->")  # hex, names and times: no "-->" in it
    return Exported("\n\n".join(parts) + "\n", "text/markdown", "md")


def _text(conversation: Conversation, origin: Origin, words: Translator) -> Exported:
    parts = [conversation.title, _notice(origin, words)]
    for message in conversation.messages:
        parts.append("\n".join((f"[{_speaker(message, words)}]", *_files(message, words), message.text)))
    parts.append(_json_mark(conversation, origin))
    return Exported("\n\n".join(parts) + "\n", "text/plain", "txt")


def _json(conversation: Conversation, origin: Origin, words: Translator) -> Exported:
    content = {
        "title": conversation.title,
        "notice": _notice(origin, words),
        "mark": _mark(conversation, origin),
        "messages": [
            {
                "role": message.role,
                "ai_generated": message.role == "assistant",
                "created_at": message.created_at.isoformat(),
                "content": message.text,
                **(
                    {"attachments": [_file(one) for one in message.attachments]}
                    if message.attachments
                    else {}
                ),
            }
            for message in conversation.messages
        ],
    }
    return Exported(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "application/json", "json")


def _html(conversation: Conversation, origin: Origin, words: Translator) -> Exported:
    title = html.escape(conversation.title)
    body = "\n".join(
        f'<section data-role="{message.role}"><h2>{html.escape(_speaker(message, words))}</h2>'
        f"<pre>{html.escape(chr(10).join((*_files(message, words), message.text)))}</pre></section>"
        for message in conversation.messages
    )
    page = (
        f'<!doctype html>\n<html lang="{words.language}">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_PAGE_POLICY}">\n'
        f'<meta name="ai-generated" content="{html.escape(_json_mark(conversation, origin))}">\n'
        f"<title>{title}</title>\n<style>:root{{color-scheme:light dark}}"
        "body{max-width:48rem;margin:2rem auto;padding:0 1rem;font-family:sans-serif;line-height:1.7}"
        "pre{white-space:pre-wrap;font:inherit}</style>\n"
        f"<h1>{title}</h1>\n<p>{html.escape(_notice(origin, words))}</p>\n{body}\n</html>\n"
    )
    return Exported(page, "text/html", "html")


FORMS: Mapping[str, Callable[[Conversation, Origin, Translator], Exported]] = MappingProxyType(
    {"md": _markdown, "txt": _text, "json": _json, "html": _html}
)


def _files(message: Message, words: Translator) -> list[str]:
    """A line for each file beside a question; not its text."""
    return [words(N_("Attached: %(name)s")) % {"name": one.name} for one in message.attachments]


def _file(one: Attached) -> dict[str, str | int | bool]:
    return {"name": one.name, "size": one.size, "sha256": one.sha256, "whole": one.whole}


def _speaker(message: Message, words: Translator) -> str:
    return words(N_("Naesil (AI-generated)")) if message.role == "assistant" else words(N_("Question"))


def _notice(origin: Origin, words: Translator) -> str:
    return words(N_("The answers in this file were written by generative AI (model %(model)s).")) % {
        "model": origin.model
    }


def _json_mark(conversation: Conversation, origin: Origin) -> str:
    return json.dumps(_mark(conversation, origin), sort_keys=True)


def _mark(conversation: Conversation, origin: Origin) -> dict[str, str | bool]:
    """For machines; the hash covers the answers' texts in order, each followed by a zero byte."""
    answers = (message.text for message in conversation.messages if message.role == "assistant")
    digest = hashlib.sha256(b"".join(text.encode() + b"\x00" for text in answers))
    return {
        "ai_generated": True,
        "model": origin.model,
        "policy_revision": origin.policy_revision,
        "exported_at": origin.exported_at.isoformat(),
        "answers_sha256": digest.hexdigest(),
    }
