"""Memory of this process: how much a context may use, and giving back what it has not used yet."""

import ctypes
from pathlib import Path

PIECE = 1 << 20  # looked at and given back in pieces of 1 MiB
SMALLEST_MAPPING = 32 << 20  # thread stacks and allocator arenas are smaller and stay untouched
MADV_DONTNEED = 4

KV_BUDGET = 768 << 20  # at least so much for the KV cache, or as much as the model itself,
AVAILABLE_SHARE = 4  # but never more than one part in so many of what the machine has left
LEAST_CONTEXT = 512
CONTEXT_STEP = 256
MOST_OF_AVAILABLE = 0.8  # for the KV cache of a context somebody asked for by number


def mappings() -> set[tuple[int, int]]:
    """Start and end of every private writable anonymous mapping; empty where /proc cannot be read."""
    try:
        lines = Path("/proc/self/maps").read_text("ascii", "replace").splitlines()
    except OSError:
        return set()
    fields = [line.split() for line in lines]
    ranges = [entry[0].split("-") for entry in fields if len(entry) == 5 and entry[1] == "rw-p"]
    return {(int(start, 16), int(end, 16)) for start, end in ranges}


def release_untouched(before: set[tuple[int, int]]) -> int:
    """Give back the all-zero pages of large mappings made since `before`; bytes given back.

    llama.cpp writes zeros over the whole KV cache when it makes one, which makes every page
    resident. The kernel hands out zero pages again on first use, so the content is the same.
    Call with no other thread at work in those mappings.
    """
    libc = ctypes.CDLL(None)
    zeros = bytes(PIECE)
    released = 0
    for start, end in mappings() - before:
        if end - start < SMALLEST_MAPPING:
            continue
        for at in range(start, end - PIECE + 1, PIECE):
            address = ctypes.c_void_p(at)
            if libc.memcmp(address, zeros, ctypes.c_size_t(PIECE)) == 0:
                released += PIECE if libc.madvise(address, ctypes.c_size_t(PIECE), MADV_DONTNEED) == 0 else 0
    return released


def available_bytes() -> int | None:
    """What the machine can still give; None where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def choose_context(
    trained: int, bytes_per_token: int, slots: int, model_bytes: int, available: int | None
) -> int:
    """Tokens per sequence: the largest half, quarter ... of what the model was trained for that fits."""
    budget = max(KV_BUDGET, model_bytes)
    if available is not None:
        budget = min(budget, available // AVAILABLE_SHARE)
    context = trained
    while context > LEAST_CONTEXT and context * slots * bytes_per_token > budget:
        context //= 2
    return context


def reduce_context(wanted: int, trained: int, bytes_per_token: int, slots: int, available: int | None) -> int:
    """Tokens per sequence: as many as a person asked for, unless the model or the memory cannot."""
    context = min(wanted, trained) if trained > 0 else wanted
    if available is not None:
        fits = int(available * MOST_OF_AVAILABLE) // max(1, slots * bytes_per_token)
        context = min(context, max(LEAST_CONTEXT, fits // CONTEXT_STEP * CONTEXT_STEP))
    return context


def for_conversations(wanted: int, available: int | None) -> int:
    """Bytes for KV outside the slots: as many as wanted, within a share of what the machine has left."""
    return wanted if available is None else min(wanted, available // AVAILABLE_SHARE)
