import mmap

import pytest

from appliance.runtime import memory

MIB = 1 << 20
SMOLLM2_KV = 30 * 2 * 3 * 64 * 2  # bytes a token: layers, K and V, heads, head size, f16


@pytest.mark.parametrize(
    ("slots", "model_mib", "available_mib", "context"),
    [
        (16, 94, 16_000, 2048),
        (1, 94, 16_000, 8192),
        (16, 94, 2000, 1024),
        (16, 4000, 64_000, 8192),
        (256, 94, 400, 512),
    ],
)
def test_the_context_fits_the_machine(slots: int, model_mib: int, available_mib: int, context: int) -> None:
    chosen = memory.choose_context(8192, SMOLLM2_KV, slots, model_mib * MIB, available_mib * MIB)
    assert chosen == context


@pytest.mark.parametrize(
    ("wanted", "trained", "available_mib", "context"),
    [
        (4096, 8192, 16_000, 4096),
        (20_000, 8192, 16_000, 8192),
        (8192, 8192, 1000, 2048),
        (8192, 8192, 1, 512),
        (4096, 0, None, 4096),
    ],
)
def test_a_wanted_context_is_reduced_to_what_the_model_and_the_memory_allow(
    wanted: int, trained: int, available_mib: int | None, context: int
) -> None:
    available = None if available_mib is None else available_mib * MIB
    assert memory.reduce_context(wanted, trained, SMOLLM2_KV, 16, available) == context


def test_kv_outside_the_slots_takes_no_more_than_its_share() -> None:
    assert memory.for_conversations(512 * MIB, 16_000 * MIB) == 512 * MIB
    assert memory.for_conversations(512 * MIB, 1000 * MIB) == 250 * MIB
    assert memory.for_conversations(512 * MIB, None) == 512 * MIB


def test_only_zero_pages_are_given_back_and_the_content_stays() -> None:
    before = memory.mappings()
    with mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as area:
        area.write(bytes(64 * MIB))
        area[40 * MIB + 5] = 7
        assert memory.release_untouched(before) >= 32 * MIB
        assert area[40 * MIB + 5] == 7
        assert area[:].count(0) == 64 * MIB - 1


def test_the_machine_says_what_it_has_left() -> None:
    assert (memory.available_bytes() or 0) > MIB
