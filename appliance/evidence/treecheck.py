"""The hash tiles of an export against the signed root: which of them an auditor may rely on."""

from appliance.evidence.archive import Archive
from appliance.evidence.faults import N_, unsound
from appliance.tlog.merkle import HASH_BYTES, CompactRange
from appliance.tlog.note import Checkpoint
from appliance.tlog.tiles import HEIGHT, WIDTH, node_reader, subtree_root, tile_path, tile_width


class TreeCheck:
    """Upper tiles are kept (32 bytes for 256 entries), those of level 0 are read when asked for.

    After `check_upper` every upper tile hangs from the signed root; a whole tile of level 0 hangs
    from it too once its own root is compared with `expected`, the last, partial one always does.
    """

    def __init__(self, archive: Archive, checkpoint: Checkpoint) -> None:
        self._archive = archive
        self._size = checkpoint.size
        self._root = checkpoint.root
        self._upper: dict[tuple[int, int], bytes] = {}

    def check_upper(self) -> None:
        """Read every tile above level 0, from the highest down. `Unsound` names one that does not fit."""
        if CompactRange.read(self._size, node_reader(self.tile)).root() != self._root:
            raise unsound("root", N_("The hashes in the export do not give the root that was signed."))
        level = 1
        while count := self._size >> HEIGHT * level:
            for index in range((count + WIDTH - 1) // WIDTH):
                if tile_width(level, index, self._size) == WIDTH:
                    self._check_whole(level, index)
            level += 1

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` entries. `Unsound` when the export lacks or belies a hash for it."""
        index = size >> HEIGHT
        if size % WIDTH and tile_width(0, index, self._size) == WIDTH:
            self._check_whole(0, index)
        return CompactRange.read(size, node_reader(self.tile)).root()

    def expected(self, level: int, index: int) -> bytes:
        """What the tile above says that the root of this whole tile is."""
        at = index % WIDTH * HASH_BYTES
        return self.tile(level + 1, index // WIDTH)[at : at + HASH_BYTES]

    def tile(self, level: int, index: int) -> bytes:
        """A tile's hashes. `Unsound` when it is missing or of the wrong length."""
        if (level, index) in self._upper:
            return self._upper[level, index]
        width = tile_width(level, index, self._size)
        name = tile_path(level, index, width)
        if not width or name not in self._archive:
            raise unsound(
                "tile-missing", N_("The hashes in %(file)s are missing from the export."), file=name
            )
        hashes = self._archive.read(name, WIDTH * HASH_BYTES)
        if len(hashes) != width * HASH_BYTES:
            raise unsound("tile-length", N_("%(file)s has the wrong length."), file=name)
        if level:
            self._upper[level, index] = hashes
        return hashes

    def _check_whole(self, level: int, index: int) -> None:
        if subtree_root(self.tile(level, index), HEIGHT) != self.expected(level, index):
            raise unsound(
                "tile-changed",
                N_("%(file)s, over entry %(entry)d, does not hold the hashes that were signed."),
                file=tile_path(level, index),
                entry=index << HEIGHT * (level + 1),
            )
