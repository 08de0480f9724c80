"""The tree against RFC 6962's published vectors, the definition itself, and mutations."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.tlog import merkle
from appliance.tlog.tiles import WIDTH, extended, node_reader

# Leaves and roots of the reference implementation (certificate-transparency, merkle_tree_test).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """A stored tree that grows in batches, with the definition of RFC 9162 beside it."""

    def __init__(self, *batches: int) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.leaves: list[bytes] = []
        for count in batches:
            self.grow(count)

    def grow(self, count: int) -> None:
        new = [merkle.leaf_hash(str(len(self.leaves) + at).encode()) for at in range(count)]
        for level, index, hashes in list(extended(self.tile, len(self.leaves), new)):
            self.tiles[level, index] = hashes
        self.leaves += new

    def tile(self, level: int, index: int) -> bytes:
        return self.tiles.get((level, index), b"")

    def node(self, level: int, index: int) -> bytes:
        return node_reader(self.tile)(level, index)

    def root(self, size: int) -> bytes:
        return by_definition(self.leaves[:size])


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_come_out(size: int) -> None:
    tree = merkle.CompactRange()
    for leaf in LEAVES[:size]:
        tree.append(merkle.leaf_hash(leaf))
    assert tree.root().hex() == ROOTS[size - 1]


def published_node(level: int, index: int) -> bytes:
    row = [merkle.leaf_hash(leaf) for leaf in LEAVES]
    for _ in range(level):
        row = [merkle.node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[index]


N01, N23, N45, N0123 = (
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)
L0, L1, L4, N67, N4567 = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [(0, 1, []), (0, 8, [L1, N23, N4567]), (5, 8, [L4, N67, N0123]), (2, 3, [N01]), (1, 5, [L0, N23, L4])],
)
def test_the_published_inclusion_proofs_come_out(index: int, size: int, path: list[str]) -> None:
    proof = merkle.inclusion_proof(index, size, published_node)
    assert [step.hex() for step in proof] == path
    leaf = merkle.leaf_hash(LEAVES[index])
    assert merkle.verify_inclusion(index, size, leaf, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [(1, 1, []), (1, 8, [L1, N23, N4567]), (6, 8, [N45, N67, N0123]), (2, 5, [N23, L4])],
)
def test_the_published_consistency_proofs_come_out(old: int, new: int, path: list[str]) -> None:
    proof = merkle.consistency_proof(old, new, published_node)
    assert [step.hex() for step in proof] == path
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    assert merkle.verify_consistency(old, new, *roots, proof)


@given(st.integers(1, 70), st.data())
def test_a_proof_speaks_for_one_place_and_one_history_only(size: int, data: st.DataObject) -> None:
    tree = Tree(size)
    index, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    proof = merkle.inclusion_proof(index, size, tree.node)
    held = merkle.verify_inclusion(other, size, tree.leaves[index], proof, tree.root(size))
    assert held == (index == other)
    old = data.draw(st.integers(1, size))
    fork = [*tree.leaves[:old]]
    fork[data.draw(st.integers(0, old - 1))] = bytes(32)
    consistency = merkle.consistency_proof(old, size, tree.node)
    assert not merkle.verify_consistency(old, size, by_definition(fork), tree.root(size), consistency)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4))
def test_growing_reads_and_writes_only_the_tiles_at_the_edge(batches: list[int]) -> None:
    tree = Tree(*batches)
    size = len(tree.leaves)
    before = dict(tree.tiles)
    tree.grow(1)
    changed = {key for key, hashes in tree.tiles.items() if before.get(key) != hashes}
    full = {(1, size >> 16)} if (size + 1) % WIDTH == 0 else set()
    assert changed == {(0, size // WIDTH)} | full


def test_a_smaller_tree_does_not_pass_for_a_bigger_one() -> None:
    tree = Tree(4)
    inclusion = merkle.inclusion_proof(0, 4, tree.node)
    consistency = merkle.consistency_proof(1, 4, tree.node)
    for size, holds in ((4, True), (8, False), (2, False)):
        assert merkle.verify_inclusion(0, size, tree.leaves[0], inclusion, tree.root(4)) == holds
        assert merkle.verify_consistency(1, size, tree.root(1), tree.root(4), consistency) == holds


def test_a_tile_that_lost_hashes_is_not_built_upon() -> None:
    with pytest.raises(ValueError, match="does not hold"):
        list(extended(lambda _level, _index: bytes(32), 2, [bytes(32)]))


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.CompactRange().root() == hashlib.sha256(b"").digest()


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4), st.data())
def test_however_it_grew_every_proof_verifies_and_every_change_is_noticed(
    batches: list[int], data: st.DataObject
) -> None:
    tree = Tree(*batches)
    size = len(tree.leaves)
    assert merkle.CompactRange.read(size, tree.node).root() == tree.root(size)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    inclusion = merkle.inclusion_proof(index, size, tree.node)
    consistency = merkle.consistency_proof(old, size, tree.node)
    assert merkle.verify_inclusion(index, size, tree.leaves[index], inclusion, tree.root(size))
    assert merkle.verify_consistency(old, size, tree.root(old), tree.root(size), consistency)
    wrong = bytes(32)
    assert not merkle.verify_inclusion(index, size, wrong, inclusion, tree.root(size))
    assert not merkle.verify_inclusion(index, size, tree.leaves[index], [*inclusion, wrong], tree.root(size))
    assert not merkle.verify_consistency(old, size, wrong, tree.root(size), consistency)
    assert not merkle.verify_consistency(old, size, tree.root(old), tree.root(size), [*consistency, wrong])
    if 0 < old < size:
        assert not merkle.verify_consistency(old, size, tree.root(old), tree.root(size), [])
    for proof, check in ((inclusion, True), (consistency, False)):
        for at in range(len(proof)):
            changed = [*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]]
            if check:
                assert not merkle.verify_inclusion(index, size, tree.leaves[index], changed, tree.root(size))
            else:
                assert not merkle.verify_consistency(old, size, tree.root(old), tree.root(size), changed)
            shorter = [*proof[:at], *proof[at + 1 :]]
            if check:
                assert not merkle.verify_inclusion(index, size, tree.leaves[index], shorter, tree.root(size))
            else:
                assert not merkle.verify_consistency(old, size, tree.root(old), tree.root(size), shorter)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65536, 65537])
def test_tiles_hold_the_tree_at_their_borders(size: int) -> None:
    tree = Tree(size)
    appended = merkle.CompactRange()
    for leaf in tree.leaves:
        appended.append(leaf)
    assert merkle.CompactRange.read(size, tree.node).root() == appended.root()
    assert len(tree.tile(0, 0)) == min(size, WIDTH) * 32


def test_proofs_outside_the_tree_are_refused() -> None:
    tree = Tree(3)
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_proof(3, 3, tree.node)
    with pytest.raises(ValueError, match="order"):
        merkle.consistency_proof(4, 3, tree.node)
    assert not merkle.verify_inclusion(3, 3, tree.leaves[0], [], tree.root(3))
    assert not merkle.verify_consistency(4, 3, tree.root(3), tree.root(3), [])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8])
def test_the_place_behind_the_last_entry_is_no_place(size: int) -> None:
    tree = Tree(size)
    last = tree.leaves[size - 1]
    proof = merkle.inclusion_proof(size - 1, size, tree.node)
    assert merkle.verify_inclusion(size - 1, size, last, proof, tree.root(size)) is True
    assert merkle.verify_inclusion(size, size, last, proof, tree.root(size)) is False
    assert merkle.verify_inclusion(-1, size, last, proof, tree.root(size)) is False


def test_every_proof_of_every_small_tree_verifies() -> None:
    tree = Tree(40)
    for size in range(1, 41):
        root = tree.root(size)
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, tree.node)
            assert merkle.verify_inclusion(index, size, tree.leaves[index], proof, root), (index, size)
        for old in range(size + 1):
            proof = merkle.consistency_proof(old, size, tree.node)
            assert merkle.verify_consistency(old, size, tree.root(old), root, proof), (old, size)
