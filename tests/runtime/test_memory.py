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
