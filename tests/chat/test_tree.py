"""Trees of messages: every version can be reached, none is lost, and the numbers are right."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.chat.tree import ALONE, Branch, Node, Tree


def grown(choices: list[int]) -> list[Node]:
    """A tree in which each message hangs under the one that `choices` points at, or under none."""
    nodes: list[Node] = []
    for position, choice in enumerate(choices):
        parent = nodes[choice % len(nodes)].id if nodes and choice % (len(nodes) + 1) else None
        nodes.append(Node(f"m{position}", parent, position))
    return nodes


trees = st.lists(st.integers(0, 1000), min_size=1, max_size=40).map(grown)


@given(trees)
def test_every_message_can_be_reached_by_turning_to_it(nodes: list[Node]) -> None:
    tree = Tree(reversed(nodes))
    for node in nodes:
        path = tree.path(tree.end_of(node).id)
        assert node in path
        assert all(below.parent_id == above.id for above, below in pairwise(path))
        assert path[0].parent_id is None


@given(trees)
def test_the_versions_of_a_message_are_numbered_in_the_order_they_were_made(nodes: list[Node]) -> None:
    tree = Tree(nodes)
    for node in nodes:
        siblings = [one for one in nodes if one.parent_id == node.parent_id]
        at = siblings.index(node)
        branch = tree.branch(node)
        assert (branch.place, branch.count) == (at + 1, len(siblings))
        assert branch.previous == (siblings[at - 1].id if at else "")
        assert branch.next == (siblings[at + 1].id if at + 1 < len(siblings) else "")


def test_without_a_chosen_end_the_newest_branch_is_shown() -> None:
    nodes = [Node("q", None, 0), Node("a1", "q", 1), Node("a2", "q", 2)]
    assert [node.id for node in Tree(nodes).path(None)] == ["q", "a2"]
    assert [node.id for node in Tree(nodes).path("a1")] == ["q", "a1"]
    assert Tree([]).path(None) == []


def test_a_message_without_versions_stands_alone() -> None:
    assert Tree([Node("q", None, 0)]).branch(Node("q", None, 0)) == ALONE == Branch()
