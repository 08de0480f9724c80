"""What on a page is not in its reader's language, apart from what people wrote themselves and from names."""

import re

from playwright.sync_api import Page

# Every text that people read or hear, but what is marked as another language, as code, or as somebody's own.
TEXTS = """
() => {
  const found = new Set();
  const foreign = "code, pre, kbd, math, script, style, body [lang], [data-body], [data-tail], textarea";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(foreign)) found.add(walker.currentNode.data.trim());
  }
  found.add(document.title);
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(foreign) && !element.matches("textarea")) continue;
    for (const name of ["aria-label", "title", "placeholder", "alt"]) {
      found.add((element.getAttribute(name) ?? "").trim());
    }
    if (element.id === "words") for (const value of Object.values(element.dataset)) found.add(value);
  }
  return [...found].filter((text) => text);
}
"""
HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")
WORD = re.compile(r"[A-Za-z]{3,}")
# No words of a language: hashes and ids, names of files, actions, models, programs and formats, units.
NAMES = re.compile(
    r"[a-z]+:…|\b(?:[0-9a-f-]{12,}|[\w./-]+\.(?:yaml|gguf|py|zip|txt|pdf)|[a-z][a-z0-9]*(?:[:._-][a-z0-9_*]+)+|"
    r"Ctrl|Shift|Esc|Enter|API|SHA|CSV|CEF|OCSF|JSONL|PEM|TLS|GGUF|AI|IP|IBAN|MiB|GiB|PyPI|SQLite|English|"
    r"name,roles,groups|chat embeddings|txt|json|html|md|llama|small|system|testclient)\b"
)

# What people of these tests wrote or are called.
OWN = frozenset(
    {
        "김하나", "이두리", "박세찌", "박새봄", "관리자", "연구소", "정리", "정리해 줘", "정리해 줘 천천히",
        "해 줘",
        "요약 도우미", "요", "계", "짧게 답하라", "계약 검토", "조항을 살펴라", "보고서", "주제",
        "{{주제}} 보고서를 써 줘",         "더 엄격하게", "실수", "시험", "사건 2026-1",
    }
)  # fmt: skip


def foreign_words(page: Page, locale: str) -> list[str]:
    """Texts that are not in the language of this locale, ko-KR or en-US."""
    texts: list[str] = page.evaluate(TEXTS)
    return [text for text in texts if _foreign(_without_own(text), locale[:2])]


def _foreign(text: str, language: str) -> bool:
    if language == "en":
        return bool(HANGUL.search(text))
    return not HANGUL.search(text) and bool(WORD.search(NAMES.sub("", text)))


def _without_own(text: str) -> str:
    for one in sorted(OWN, key=len, reverse=True):
        text = text.replace(one, "")
    return text
