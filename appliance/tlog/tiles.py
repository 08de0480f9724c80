"""Tiles of hashes as in C2SP tlog-tiles, height 8: tile (level, index) holds up to 256 hashes,
the nodes (8 * level, 256 * index ...). A tile of fewer hashes is partial and will be replaced.
An entry bundle holds the entries under one tile of level 0, each after its length in two bytes.
"""

from collections.abc import Callable, Iterable, Iterator

from appliance.tlog.merkle import HASH_BYTES, NodeReader, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT

TileReader = Callable[[int, int], bytes]


def node_reader(tile: TileReader) -> NodeReader:
    """Any complete node of the tree, computed from the tile that holds its descendants."""

    def node(level: int, index: int) -> bytes:
        tile_level, rest = divmod(level, HEIGHT)
        start = index << rest
        data = tile(tile_level, start // WIDTH)
        offset = start % WIDTH * HASH_BYTES
        return subtree_root(data[offset : offset + (HASH_BYTES << rest)], rest)

    return node


def subtree_root(hashes: bytes, height: int) -> bytes:
    """The root over 2**height concatenated hashes. ValueError when some are missing."""
    if len(hashes) != HASH_BYTES << height:
        raise ValueError("the tile does not hold these hashes")
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def extended(tile: TileReader, size: int, leaves: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """(level, index, hashes) of every tile that changes when leaf hashes are added to `size`.

    `tile` reads the tiles as they were; lower levels are yielded first. ValueError when a tile
    holds fewer hashes than a tree of `size` needs.
    """
    level, added = 0, leaves
    while added:
        index, present = divmod(size >> HEIGHT * level, WIDTH)
        stored = tile(level, index)[: present * HASH_BYTES] if present else b""
        if len(stored) != present * HASH_BYTES:
            raise ValueError("the tile does not hold these hashes")
        hashes = stored + b"".join(added)
        rows = [hashes[at : at + WIDTH * HASH_BYTES] for at in range(0, len(hashes), WIDTH * HASH_BYTES)]
        for offset, row in enumerate(rows):
            yield level, index + offset, row
        added = [subtree_root(row, HEIGHT) for row in rows if len(row) == WIDTH * HASH_BYTES]
        level += 1


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Where a tile is found: "tile/1/x001/x234/067", with ".p/5" when it holds but 5 hashes.

    `level` "entries" gives the place of an entry bundle.
    """
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == WIDTH else f".p/{width}")


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile holds in a tree of `size` leaves; 0 when there is no such tile."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def bundle(leaves: Iterable[bytes]) -> bytes:
    """The entries as an entry bundle. Each has at most 65,535 bytes."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
