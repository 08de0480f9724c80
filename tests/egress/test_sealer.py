"""The sealer signs what extends the last head it signed, and nothing else, whoever asks."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.egress import sealer as sealing
from appliance.egress.logfolder import read_head, read_verifier
from appliance.egress.sealer import LocalSealer, SealerClient, serve
from appliance.errors import ConfigError, StorageFailed
from appliance.protocol.framing import encode
from appliance.protocol.sealing import GetHead, Head, Signed
from appliance.tlog.merkle import CompactRange, consistency_proof, leaf_hash
from appliance.tlog.note import Checkpoint
from appliance.tlog.tiles import extended, node_reader


class Tree:
    """A log of so many leaves of one text, and its proofs."""

    def __init__(self, size: int, text: str = "entry") -> None:
        self.size = size
        leaves = [leaf_hash(f"{text} {number}".encode()) for number in range(size)]
        tiles = {(level, at): data for level, at, data in extended(lambda _level, _at: b"", 0, leaves)}
        self._node = node_reader(lambda level, at: tiles.get((level, at), b""))
        self.root = CompactRange.read(size, self._node).root()

    def proof_from(self, old: int) -> tuple[bytes, ...]:
        return tuple(consistency_proof(old, self.size, self._node))


@pytest.fixture
def keys(data_folder: Path) -> Path:
    return data_folder / "keys"


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def client(keys: Path) -> Iterator[SealerClient]:
    """A client of a sealer that serves from another thread."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs, keys))
    thread.start()
    client = SealerClient(ours)
    yield client
    client.close()
    thread.join()
    theirs.close()


def test_a_growing_log_is_signed_all_the_way(keys: Path) -> None:
    sealer, signed = LocalSealer(keys), 0
    verifier = read_verifier(keys)
    for size in (1, 2, 255, 256, 300):
        tree = Tree(size)
        note = sealer.sign(size, tree.root, tree.proof_from(signed))
        assert verifier.checkpoint(note) == Checkpoint(verifier.name, size, tree.root)
        assert read_head(keys / "log.head") == (size, tree.root)
        signed = size


def test_a_fork_is_never_signed(keys: Path) -> None:
    sealer, tree, fork = LocalSealer(keys), Tree(5), Tree(9, "other")
    sealer.sign(5, tree.root, ())
    for size, root, proof in (
        (9, fork.root, fork.proof_from(5)),
        (5, Tree(5, "other").root, ()),
        (3, Tree(3).root, ()),
        (9, Tree(9).root, ()),
        (9, Tree(9).root, Tree(9).proof_from(5)[:-1]),
    ):
        with pytest.raises(StorageFailed, match="does not continue"):
            sealer.sign(size, root, proof)
    assert read_head(keys / "log.head") == (5, tree.root)


def test_a_root_that_is_no_hash_is_refused_even_as_the_first(keys: Path) -> None:
    with pytest.raises(StorageFailed):
        LocalSealer(keys).sign(1, b"short", ())


def test_the_same_head_is_signed_again_after_a_crash(keys: Path) -> None:
    tree = Tree(4)
    first = LocalSealer(keys).sign(4, tree.root, ())
    assert LocalSealer(keys).sign(4, tree.root, ()) == first


def test_the_head_is_on_disk_before_the_signature_exists(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealer, tree = LocalSealer(keys), Tree(4)

    def crash(_self: Checkpoint) -> str:
        assert read_head(keys / "log.head") == (4, tree.root)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "text", crash)
    with pytest.raises(KeyboardInterrupt):
        sealer.sign(4, tree.root, ())


def test_two_sealers_over_one_folder_sign_no_fork(keys: Path) -> None:
    one, other = LocalSealer(keys), LocalSealer(keys)
    one.sign(4, Tree(4).root, ())
    with pytest.raises(StorageFailed):
        other.sign(4, Tree(4, "other").root, ())


def test_a_disk_that_takes_nothing_is_a_refusal(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = LocalSealer(keys)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="cannot be written"):
        sealer.sign(1, Tree(1).root, ())
    monkeypatch.undo()
    assert sealer.head().size == 0


@pytest.mark.parametrize("name", ["log.key", "log.head"])
def test_a_lost_file_is_missed_and_never_made_anew(keys: Path, name: str) -> None:
    LocalSealer(keys).sign(1, Tree(1).root, ())
    (keys / name).unlink()
    with pytest.raises(ConfigError, match=f"{name} is missing"):
        LocalSealer(keys)
    assert not (keys / name).exists()


def test_another_key_is_not_taken_for_this_logs(keys: Path) -> None:
    LocalSealer(keys)
    (keys / "log.key").write_bytes(bytes(32))
    with pytest.raises(ConfigError, match="not the key"):
        LocalSealer(keys)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"size":-1,"root":""}', b'{"size":"1","root":"AAAA"}', b'{"size":1}']
)
def test_a_damaged_head_is_refused(keys: Path, content: bytes) -> None:
    LocalSealer(keys)
    (keys / "log.head").write_bytes(content)
    with pytest.raises(ConfigError, match=r"log\.head is damaged"):
        LocalSealer(keys)


def test_a_damaged_public_key_is_refused(keys: Path) -> None:
    LocalSealer(keys)
    (keys / "log.pub").write_text("no key\n")
    with pytest.raises(ConfigError, match=r"log\.pub is damaged"):
        read_verifier(keys)


def test_before_the_first_start_there_is_no_public_key(keys: Path) -> None:
    with pytest.raises(ConfigError, match="no audit log"):
        read_verifier(keys)


def test_a_crash_at_the_first_start_leaves_what_the_next_one_completes(keys: Path) -> None:
    verifier = LocalSealer(keys).head().verifier
    (keys / "log.pub").unlink()
    assert LocalSealer(keys).head().verifier == verifier
    assert str(read_verifier(keys)) == verifier


def test_the_secret_files_are_their_owners_alone(keys: Path) -> None:
    LocalSealer(keys)
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir() if path.name != "root.key"} == {
        "log.key": 0o600,
        "log.head": 0o600,
        "log.pub": 0o600,
    }


def test_the_process_answers_like_the_sealer_itself(client: SealerClient, keys: Path) -> None:
    tree = Tree(300)
    note = client.sign(7, Tree(7).root, ())
    assert read_verifier(keys).checkpoint(note).size == 7
    assert client.head() == Head(7, Tree(7).root, str(read_verifier(keys)), f"{read_verifier(keys)}\n")
    with pytest.raises(StorageFailed, match="does not continue"):
        client.sign(300, tree.root, ())
    assert client.sign(300, tree.root, tree.proof_from(7))


def test_a_client_without_a_sealer_says_so_and_takes_the_next_one(
    keys: Path, line: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = socket.socketpair()
    client = SealerClient(ours)
    theirs.close()
    for _ in range(2):
        with pytest.raises(StorageFailed, match="does not answer"):
            client.head()
    thread = threading.Thread(target=serve, args=(line[1], keys))
    thread.start()
    client.attach(line[0])
    assert client.head().size == 0
    client.close()
    thread.join()


@pytest.mark.parametrize("answer", [b"\xff\xff\xff\xff", encode(Signed("note")), encode(GetHead())])
def test_a_sealer_that_answers_something_else_is_not_believed(
    line: tuple[socket.socket, socket.socket], answer: bytes
) -> None:
    client = SealerClient(line[0])
    line[1].sendall(answer)
    with pytest.raises(StorageFailed, match="does not answer"):
        client.head()


def test_a_late_answer_is_not_taken_for_the_next(
    line: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "ANSWER_TIMEOUT_S", 0.01)
    client = SealerClient(line[0])
    for _ in range(2):
        with pytest.raises(StorageFailed, match="does not answer"):
            client.sign(1, bytes(32), ())
    line[1].settimeout(5)
    while line[1].recv(65536):
        pass  # the question, then the end: the sealer goes home and is replaced


def test_a_new_line_ends_a_question_that_waits_on_the_old(line: tuple[socket.socket, socket.socket]) -> None:
    ours, silent = socket.socketpair()
    client, failed = SealerClient(ours), threading.Event()

    def ask() -> None:
        with pytest.raises(StorageFailed):
            client.head()
        failed.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert silent.recv(65536)
    client.attach(line[0])
    asking.join()
    assert failed.is_set()
    silent.close()
    client.close()


@pytest.mark.parametrize(
    "nonsense", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", encode(Signed("no question"))]
)
def test_the_process_ends_when_it_is_sent_nonsense(
    keys: Path, line: tuple[socket.socket, socket.socket], nonsense: bytes
) -> None:
    line[0].sendall(nonsense)
    serve(line[1], keys)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[Callable[[], int]]:
    before = threading.active_count()
    yield threading.active_count
    assert threading.active_count() == before
