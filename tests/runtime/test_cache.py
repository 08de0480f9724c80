from appliance.runtime.cache import KvCache, Slot, common_prefix


def finished(cache: KvCache, scope: str, tokens: list[int]) -> int:
    place = cache.take(scope, [*tokens, 0])
    cache.keep(place.slot, scope, tokens)
    return place.slot


def test_a_conversation_finds_its_own_beginning_again() -> None:
    cache = KvCache(4)
    finished(cache, "mine", [1, 2, 3])
    assert cache.take("mine", [1, 2, 3, 4]).kept == 3
    assert common_prefix([1, 2, 3], [1, 2, 9]) == 2


def test_nobody_elses_cache_is_ever_used() -> None:
    cache = KvCache(4)
    finished(cache, "mine", [1, 2, 3])
    assert cache.take("theirs", [1, 2, 3, 4]).kept == 0
    assert cache.take("", [1, 2, 3, 4]).kept == 0


def test_one_token_is_always_left_to_read() -> None:
    cache = KvCache(1)
    finished(cache, "mine", [1, 2, 3])
    assert cache.take("mine", [1, 2, 3]).kept == 2


def test_empty_slots_go_first_then_the_least_recently_used() -> None:
    cache = KvCache(2)
    finished(cache, "old", [1, 1])
    finished(cache, "new", [2, 2])
    finished(cache, "newest", [3, 3])
    assert cache.take("new", [2, 2, 2]).kept == 2
    assert cache.take("old", [1, 1, 1]).kept == 0


def test_running_slots_stay_together_at_the_low_numbers() -> None:
    cache = KvCache(4)
    places = [cache.take("", [1]) for _ in range(3)]
    assert [place.slot for place in places] == [0, 1, 2]
    cache.keep(0, "kept", [1, 2])
    assert cache.gap() == (2, 0)
    cache.exchange(2, 0)
    assert cache.gap() is None
    again = cache.take("kept", [1, 2, 3])
    assert (again.slot, again.chosen, again.kept) == (2, 2, 2)


def test_a_resumed_conversation_is_moved_next_to_the_running_ones() -> None:
    cache = KvCache(3)
    for number in range(3):
        cache.take(f"scope{number}", [number])
    for number in range(3):
        cache.keep(number, f"scope{number}", [number, 7])
    place = cache.take("scope2", [2, 7, 8])
    assert (place.slot, place.chosen, place.kept) == (0, 2, 2)
    assert cache.take("scope0", [0, 7, 8]).kept == 2


def test_forgetting_frees_the_idle_slot_and_only_it() -> None:
    cache = KvCache(3)
    finished(cache, "deleted", [1, 2])
    finished(cache, "kept", [1, 2])
    assert [cache.slots[number].scope for number in (0, 1)] == ["kept", "deleted"]
    assert cache.forget("deleted") == [1]
    assert cache.forget("deleted") == []
    assert cache.take("deleted", [1, 2, 3]).kept == 0


def test_a_later_turn_replaces_the_one_it_goes_on_from_and_no_other() -> None:
    cache = KvCache(4)
    first, second, third = cache.take("mine", [1]), cache.take("mine", [1]), cache.take("mine", [1])
    assert cache.keep(first.slot, "mine", [1, 2]) == []
    assert cache.keep(second.slot, "mine", [1, 3]) == []
    assert cache.keep(third.slot, "mine", [1, 2, 5]) == [first.slot]


def test_who_loses_the_slot_is_said_unless_the_newcomer_goes_on_from_there() -> None:
    cache = KvCache(1)
    finished(cache, "mine", [1, 2, 3])
    assert cache.take("mine", [1, 2, 3, 4]).lost is None
    cache.keep(0, "mine", [1, 2, 3])
    assert cache.take("mine", [1, 2, 9, 9]).lost == Slot("mine", [1, 2, 3], used=2)
    cache.keep(0, "mine", [1, 2, 9])
    place = cache.take("theirs", [1, 2, 9, 9])
    assert (place.kept, place.lost) == (0, Slot("mine", [1, 2, 9], used=3))


def test_a_prefix_that_is_longer_elsewhere_is_taken_from_there() -> None:
    cache = KvCache(1)
    finished(cache, "mine", [1, 2, 3])
    assert cache.take("mine", [1, 2, 3, 4, 5], elsewhere=3).kept == 0


def test_a_scope_with_a_slash_at_its_end_means_all_of_one_user() -> None:
    cache = KvCache(3)
    for scope in ("alice/one", "alice/two", "alicent/one"):
        cache.keep(cache.take(scope, [1]).slot, scope, [1])
    finished(cache, "alice/one", [1, 2])
    assert len(cache.forget("alice/")) == 2
    assert [slot.scope for slot in cache.slots if slot.scope] == ["alicent/one"]
