"""Reasoning told apart from the answer: `<think>` ... `</think>` at an answer's beginning.

Some models write the opening tag, for others the chat template already has; both count. A tag
anywhere else is part of the answer: somebody may have asked about it.
"""

OPEN, CLOSE = "<think>", "</think>"


def opens(prompt: str) -> bool:
    """Whether a rendered prompt ends inside reasoning."""
    return prompt.rstrip().endswith(OPEN)


class Thinking:
    """Feeds on text in pieces; gives reasoning and answer. Blanks around the reasoning are dropped."""

    def __init__(self, *, opened: bool) -> None:
        self.inside = opened
        self._begun = opened  # an opening tag can no longer come
        self._held = ""
        self._said = False  # something other than blanks came since the last tag

    def feed(self, text: str) -> tuple[str, str]:
        """More (reasoning, answer) that can be shown now."""
        if self._begun and not self.inside and self._said:
            return "", text
        self._held += text
        if not self._begun and not self._begin():
            return "", ""
        reasoning = self._think() if self.inside else ""
        return reasoning, "" if self.inside else self._answer()

    def finish(self) -> tuple[str, str]:
        """What was held back at the answer's end."""
        held, self._held = self._held, ""
        return (held.rstrip(), "") if self.inside else ("", held if not self._begun else held.lstrip())

    def _begin(self) -> bool:
        """Whether it is now known if the answer opens with a tag."""
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self.inside, self._begun, self._held = True, True, start[len(OPEN) :]
        elif not OPEN.startswith(start):
            self._begun = self._said = True
        return self._begun

    def _think(self) -> str:
        if not self._said:
            self._held = self._held.lstrip()
        end = self._held.find(CLOSE)
        if end >= 0:
            shown, self._held = self._held[:end].rstrip(), self._held[end + len(CLOSE) :]
            self.inside = self._said = False
            return shown
        safe = len(self._held) - held_back(self._held, CLOSE)
        shown = self._held[:safe].rstrip()
        self._held = self._held[len(shown) :]
        self._said = self._said or bool(shown)
        return shown

    def _answer(self) -> str:
        text, self._held = self._held if self._said else self._held.lstrip(), ""
        self._said = self._said or bool(text)
        return text


def held_back(text: str, marker: str) -> int:
    """How many characters at the end of `text` may be the beginning of `marker`."""
    longest = min(len(text), len(marker) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(marker[:length])), 0)
