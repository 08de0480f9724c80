"""Markdown while it is being written: finished blocks as trees, the rest as plain text.

A block is finished when another top-level block has begun after it, or when a blank line
follows that it cannot continue over. Where blocks end depends only on the text, not on the
pieces it came in, so a page that reconnects gets the same blocks under the same numbers.
"""

import re

from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from appliance.http.markdown import Translate, Tree, parser
from appliance.http.nodes import Node

_CONTINUES_OVER_BLANK = frozenset({"bullet_list_open", "ordered_list_open", "code_block"})
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Blocks:
    """Feed it text as it comes; ask it for the blocks that this finished."""

    def __init__(self, translate: Translate) -> None:
        self._parser = parser()
        self._tree = Tree(translate)
        self._environment: dict[str, object] = {}
        self._carry = ""
        self.tail = ""

    def feed(self, text: str) -> list[Node]:
        """Take in more text; returns what is finished now and leaves the rest in `tail`."""
        text = self._carry + text
        self._carry = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        before = len(self.tail)
        self.tail += text
        if "\n" not in text or self._inside_fence(before):
            return []
        return self._take(self._finished_lines())

    def finish(self) -> list[Node]:
        """The text is complete: everything left is blocks too."""
        rest, self.tail = self.tail, ""
        return self._tree.blocks(self._parser.parse(rest, self._environment)) if rest.strip() else []

    def _inside_fence(self, before: int) -> bool:
        """Cheap answer for the longest blocks there are: no closing fence in the new lines."""
        opening = _FENCE.match(self.tail)
        if opening is None:
            return False
        line_start = self.tail.rfind("\n", 0, before) + 1
        return line_start > 0 and opening[1] not in self.tail[line_start:]

    def _finished_lines(self) -> int:
        """How many lines of the tail belong to finished blocks."""
        complete = self.tail[: self.tail.rfind("\n") + 1]
        tops = [token for token in self._block_tokens(complete) if token.level == 0 and token.map]
        lines = complete.split("\n")
        done = 0
        for place, token in enumerate(tops, 1):
            start, end = token.map or [0, 0]
            blank_follows = end < len(lines) - 1 and not lines[end].strip()
            closed = token.type not in _CONTINUES_OVER_BLANK and blank_follows
            if place < len(tops) or closed or self._closed_fence(token, lines[start:end]):
                done = end
        return done

    def _closed_fence(self, token: Token, lines: list[str]) -> bool:
        return token.type == "fence" and len(lines) > 1 and lines[-1].strip().startswith(token.markup)

    def _block_tokens(self, source: str) -> list[Token]:
        """Only the block structure: what stands inside the lines does not matter here."""
        tokens: list[Token] = []
        state = StateBlock(source, self._parser, {}, tokens)
        self._parser.block.tokenize(state, state.line, state.lineMax)
        return [token for token in tokens if token.nesting >= 0]

    def _take(self, count: int) -> list[Node]:
        if count == 0:
            return []
        lines = self.tail.split("\n")
        source = "\n".join(lines[:count]) + "\n"
        self.tail = "\n".join(lines[count:]).lstrip("\n")
        return self._tree.blocks(self._parser.parse(source, self._environment))
