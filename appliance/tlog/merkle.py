"""The Merkle tree of RFC 6962 / RFC 9162, section 2.1, over hashes that live elsewhere.

A node is named (level, index): level 0 are leaf hashes, node (l, i) covers leaves
[i * 2**l, (i + 1) * 2**l). `NodeReader` gives any complete node; nothing here does I/O.
Hashes are 32 bytes of SHA-256.
"""

import hashlib
from collections.abc import Callable, Iterable

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The roots of the complete subtrees of a growing tree: all that appending needs."""

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._nodes = list(nodes)

    @classmethod
    def read(cls, size: int, node: NodeReader) -> "CompactRange":
        """The range of the first `size` leaves of a stored tree."""
        nodes, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                nodes.append(node(level, start >> level))
                start += 1 << level
        return cls(size, nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash on the right."""
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(self._nodes.pop(), node)
            size >>= 1
        self._nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root hash of all leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root


def range_hash(start: int, end: int, node: NodeReader) -> bytes:
    """MTH(D[start:end]) for a non-empty range that begins at a subtree's border."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    split = start + _split(count)
    return node_hash(range_hash(start, split, node), range_hash(split, end, node))


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162, 2.1.3.1. ValueError outside the tree."""
    if not 0 <= index < size:
        raise ValueError("index outside the tree")
    return _path(index, 0, size, node)


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162, 2.1.4.1; empty for equal sizes and for an empty old tree."""
    if not 0 <= old <= new:
        raise ValueError("sizes out of order")
    if old in (0, new):
        return []
    return _subproof(old, 0, new, node, complete=True)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    first, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            result = node_hash(step, result)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            result = node_hash(result, step)
        first, last = first >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162, 2.1.4.2; any tree extends the empty one."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    left = right = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            left, right = node_hash(step, left), node_hash(step, right)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            right = node_hash(right, step)
        first, last = first >> 1, last >> 1
    return last == 0 and left == old_root and right == new_root


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1


def _path(index: int, start: int, end: int, node: NodeReader) -> list[bytes]:
    if end - start == 1:
        return []
    split = start + _split(end - start)
    if index < split:
        return [*_path(index, start, split, node), range_hash(split, end, node)]
    return [*_path(index, split, end, node), range_hash(start, split, node)]


def _subproof(old: int, start: int, end: int, node: NodeReader, *, complete: bool) -> list[bytes]:
    if old == end:
        return [] if complete else [range_hash(start, end, node)]
    split = start + _split(end - start)
    if old <= split:
        return [*_subproof(old, start, split, node, complete=complete), range_hash(split, end, node)]
    return [*_subproof(old, split, end, node, complete=False), range_hash(start, split, node)]
