"""The tree of a conversation's messages: which branch is shown, and what stands beside it. Pure.

A question hangs under the answer before it, an answer under its question. Editing a question
or asking for another answer makes a sibling; nothing is ever overwritten.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A message without its text; `position` counts a conversation's messages as they were made."""

    id: str
    parent_id: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A message's place among its siblings: number `place` of `count`, and its neighbours' ids."""

    place: int = 1
    count: int = 1
    previous: str = ""
    next: str = ""


ALONE = Branch()


class Tree:
    """All messages of one conversation, by id and by parent."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.id: node for node in sorted(nodes, key=lambda node: node.position)}
        self._children: dict[str | None, list[Node]] = defaultdict(list)
        for node in self._nodes.values():
            self._children[node.parent_id].append(node)

    def path(self, leaf_id: str | None) -> list[Node]:
        """From the first message to this one; without one, to the end of the newest branch."""
        node = self._nodes.get(leaf_id or "") or self._newest()
        path: list[Node] = []
        while node is not None:
            path.append(node)
            node = self._nodes.get(node.parent_id or "")
        return path[::-1]

    def branch(self, node: Node) -> Branch:
        """Where a message stands among those that answer or ask the same."""
        siblings = self._children[node.parent_id]
        at = next(index for index, sibling in enumerate(siblings) if sibling.id == node.id)
        return Branch(
            place=at + 1,
            count=len(siblings),
            previous=siblings[at - 1].id if at else "",
            next=siblings[at + 1].id if at + 1 < len(siblings) else "",
        )

    def end_of(self, node: Node) -> Node:
        """The last message of the newest branch below this one."""
        while children := self._children.get(node.id):
            node = children[-1]
        return node

    def _newest(self) -> Node | None:
        return next(reversed(self._nodes.values()), None)
