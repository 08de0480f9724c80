from appliance.protocol.messages import PUBLIC
from appliance.runtime.shelf import Kept, Shelf
from tests.runtime.device import SavedKv


def kept(shelf: Shelf, scope: str, *tokens: int) -> SavedKv:
    state = SavedKv(list(tokens))
    shelf.put(Kept(scope, list(tokens), state, shared=scope == PUBLIC))
    return state


def test_what_was_put_away_longest_ago_goes_first_and_is_freed() -> None:
    shelf = Shelf(6)
    old, new = kept(shelf, "a/1", 1, 2, 3), kept(shelf, "a/2", 4, 5)
    newest = kept(shelf, "a/3", 6, 7)
    assert (old.tokens, new.tokens, newest.tokens) == (None, [4, 5], [6, 7])
    assert shelf.spent == 4


def test_what_is_larger_than_the_budget_is_not_kept() -> None:
    shelf = Shelf(2)
    small = kept(shelf, "a/1", 1, 2)
    assert kept(shelf, "a/2", 1, 2, 3).tokens is None
    assert small.tokens == [1, 2]


def test_a_prefix_that_is_used_stays() -> None:
    shelf = Shelf(4)
    public, _ = kept(shelf, PUBLIC, 1, 2), kept(shelf, "a/1", 3, 4)
    entry = shelf.prefix(PUBLIC, (1, 2))
    assert entry is not None
    shelf.take(entry)
    shelf.put(entry)
    kept(shelf, "a/2", 5, 6)
    assert public.tokens == [1, 2]
    assert shelf.prefix(PUBLIC, (1,)) is None


def test_a_conversation_finds_its_best_entry_and_nobody_elses() -> None:
    shelf = Shelf(100)
    kept(shelf, "a/1", 1, 2)
    kept(shelf, "a/1", 1, 3, 4)
    entry, common = shelf.best("a/1", [1, 3, 4, 5])
    assert entry is not None
    assert (entry.tokens, common) == ([1, 3, 4], 3)
    assert shelf.best("b/1", [1, 3, 4, 5]) == (None, 0)
    assert shelf.best("", [1, 3, 4, 5]) == (None, 0)
    assert shelf.best("a/1", [1, 3, 4])[1] == 2


def test_a_longer_turn_replaces_the_shorter_one() -> None:
    shelf = Shelf(100)
    shorter = kept(shelf, "a/1", 1, 2)
    kept(shelf, "a/1", 1, 2, 3)
    assert shorter.tokens is None
    assert shelf.spent == 3


def test_forgetting_frees_one_conversation_or_all_of_a_user() -> None:
    shelf = Shelf(100)
    one, two, other = kept(shelf, "a/1", 1), kept(shelf, "a/2", 2), kept(shelf, "b/1", 3)
    shelf.forget("a/1")
    assert (one.tokens, two.tokens) == (None, [2])
    shelf.forget("a/")
    assert (two.tokens, other.tokens) == (None, [3])
    assert shelf.spent == 1


def test_a_conversation_that_is_little_more_than_a_shared_prefix_is_not_worth_a_copy_of_it() -> None:
    shelf = Shelf(1000)
    prefix = list(range(200))
    assert shelf.worth_keeping("a/api", [*prefix, 7])
    kept(shelf, PUBLIC, *prefix)
    assert not shelf.worth_keeping("a/api", [*prefix, 7])
    assert shelf.worth_keeping("a/api", [*prefix, *range(64)])
    assert shelf.worth_keeping("a/api", [9, 9])
