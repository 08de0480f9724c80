"""Writes OLE compound files ([MS-CFB], version 3), as HWP 5.0 and the old Office formats are: small ones."""

import struct
from collections.abc import Mapping, Sequence

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5
Entry = tuple[str, int, int, int, int, int]  # name, kind, right sibling, child, first sector, size


def write(streams: Mapping[str, bytes]) -> bytes:
    """The streams by their paths; a path has one storage at most. None may reach CUTOFF bytes."""
    assert all(len(data) < CUTOFF for data in streams.values())
    mini, fat_of_mini, starts = _mini(list(streams.values()))
    entries = _directory(dict(zip(streams, starts, strict=True)), streams, len(mini))
    directory = b"".join(_entry(*one) for one in entries)
    directory = directory.ljust(-(-len(directory) // SECTOR) * SECTOR, b"\0")
    parts = [
        directory,
        _padded(struct.pack(f"<{len(fat_of_mini)}I", *fat_of_mini), b"\xff"),
        _padded(mini, b"\0"),
    ]
    fat, firsts = [FAT], []
    for part in parts:
        firsts.append(len(fat))
        count = len(part) // SECTOR
        fat += [*range(len(fat) + 1, len(fat) + count), END] if count else []
    assert len(fat) <= SECTOR // 4
    fat += [FREE] * (SECTOR // 4 - len(fat))
    entries_fat = struct.pack("<128I", *fat)
    return (
        _header(firsts, len(parts[1]) // SECTOR)
        + entries_fat
        + b"".join(_root_at(part, firsts[2]) if number == 0 else part for number, part in enumerate(parts))
    )


def _mini(streams: Sequence[bytes]) -> tuple[bytes, list[int], list[int]]:
    data = b""
    fat: list[int] = []
    starts: list[int] = []
    for one in streams:
        first, count = len(fat), -(-len(one) // MINI)
        starts.append(first if count else END)
        fat += [*range(first + 1, first + count), END] if count else []
        data += one.ljust(count * MINI, b"\0")
    return data, fat, starts


def _directory(starts: Mapping[str, int], streams: Mapping[str, bytes], mini_size: int) -> list[Entry]:
    """The root first; siblings are a chain of right children in the order of their names."""
    storages = sorted({path.partition("/")[0] for path in streams if "/" in path}, key=_order)
    top = sorted([*storages, *(path for path in streams if "/" not in path)], key=_order)
    inside = {one: sorted((p for p in streams if p.startswith(f"{one}/")), key=_order) for one in storages}
    order = [*top, *(path for one in storages for path in inside[one])]
    place = {path: number for number, path in enumerate(order, 1)}
    made: list[Entry] = [("Root Entry", ROOT, FREE, place[top[0]], 0, mini_size)]
    for siblings in (top, *inside.values()):
        for path, following in zip(siblings, [*siblings[1:], ""], strict=True):
            right = place.get(following, FREE)
            if path in inside:
                made.append((path, STORAGE, right, place[inside[path][0]], 0, 0))
            else:
                name = path.rpartition("/")[2]
                made.append((name, STREAM, right, FREE, starts[path], len(streams[path])))
    return made


def _order(path: str) -> tuple[int, str]:
    name = path.rpartition("/")[2]
    return len(name), name.upper()


def _entry(name: str, kind: int, right: int, child: int, first: int, size: int) -> bytes:
    raw = (name + "\0").encode("utf-16-le")
    return raw.ljust(64, b"\0") + struct.pack(
        "<HBBIII16sIQQIQ", len(raw), kind, 1, FREE, right, child, b"", 0, 0, 0, first, size
    )


def _root_at(directory: bytes, first: int) -> bytes:
    return directory[:116] + struct.pack("<I", first) + directory[120:]


def _padded(data: bytes, filler: bytes) -> bytes:
    return data.ljust(max(1, -(-len(data) // SECTOR)) * SECTOR, filler)


def _header(firsts: Sequence[int], mini_fat_sectors: int) -> bytes:
    return struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"",
        0, 1, firsts[0], 0, CUTOFF, firsts[1], mini_fat_sectors, END, 0, 0,
    ) + struct.pack("<108I", *[FREE] * 108)  # fmt: skip
