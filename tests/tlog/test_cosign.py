"""Cosignatures and proofs in the form of their specifications; anything else is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.tlog import cosign
from appliance.tlog.cosign import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE, Cosigner, CosignerKey
from appliance.tlog.faults import NoteError
from appliance.tlog.note import Checkpoint, Note, Signer
from appliance.tlog.proof import ConsistencyProof, EntryProof
from appliance.tlog.tiles import bundle, tile_path, tile_width

NOTE = Signer("example.com/log", bytes(32)).sign(Checkpoint("example.com/log", 3, bytes(32)).text())
KINDS = [ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE]

# The example of c2sp.org/tlog-cosignature, and the bytes that ML-DSA-44 signs for it.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
EXAMPLE_MESSAGE = (
    "737562747265652f76310a001b6578616d706c652e636f6d2f626568696e642d7468652d736f666100000000641850cb"
    "1b6578616d706c652e636f6d2f626568696e642d7468652d736f6661000000000000000000000000013e2dc3"
    "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
)


def test_the_signed_messages_are_those_of_the_specification() -> None:
    message = cosign._message(ML_DSA_44_COSIGNATURE, "example.com/behind-the-sofa", 1679315147, EXAMPLE)
    assert message.hex() == EXAMPLE_MESSAGE
    message = cosign._message(ED25519_COSIGNATURE, "w", 1679315147, EXAMPLE)
    assert message.decode() == f"cosignature/v1\ntime 1679315147\n{EXAMPLE}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cosignature_holds_for_its_text_its_time_and_its_key_only(kind: bytes) -> None:
    signer = Cosigner("witness.example/w1", bytes(32), kind)
    line = signer.cosign(Note.parse(NOTE).text, 1_700_000_000).line()
    note = Note.parse(NOTE + line)
    assert signer.public.times(note) == [1_700_000_000]
    assert CosignerKey.parse(str(signer.public)) == signer.public
    assert Cosigner("witness.example/w1", bytes(31) + b"1", kind).public.times(note) == []
    with pytest.raises(NoteError):
        signer.public.times(Note.parse(NOTE.replace("\n3\n", "\n4\n") + line))
    data = base64.b64decode(line.split(" ")[2])
    for at in (4, 11, 12, len(data) - 1):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        bad = f"— witness.example/w1 {base64.b64encode(changed).decode()}\n"
        with pytest.raises(NoteError):
            signer.public.times(Note.parse(NOTE + bad))
    with pytest.raises(NoteError):
        signer.public.times(
            Note.parse(NOTE + f"— witness.example/w1 {base64.b64encode(data[:40]).decode()}\n")
        )


@pytest.mark.parametrize("text", ["", "a+b", "w+00000000+BAAA", str(Signer("w", bytes(32)).verifier)])
def test_a_key_of_another_kind_is_no_cosigners(text: str) -> None:
    with pytest.raises(NoteError):
        CosignerKey.parse(text)


def test_ml_dsa_does_not_speak_for_extension_lines() -> None:
    text = Checkpoint("example.com/log", 3, bytes(32)).text() + "extension\n"
    Cosigner("w", bytes(32)).cosign(text, 1)
    with pytest.raises(NoteError):
        Cosigner("w", bytes(32), ML_DSA_44_COSIGNATURE).cosign(text, 1)


HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple)


@given(st.integers(0, 2**62), HASHES, st.binary(max_size=200))
def test_proofs_survive_their_text_form(number: int, path: tuple[bytes, ...], extra: bytes) -> None:
    proof = EntryProof(number, path, NOTE, extra)
    assert EntryProof.parse(proof.text()) == proof
    consistency = ConsistencyProof(number, path, NOTE)
    assert ConsistencyProof.parse(consistency.text()) == consistency


@pytest.mark.parametrize(
    "text",
    ["", "index 1\n\n", "c2sp.org/tlog-proof@v1\nindex 01\n\nx", "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx",
     "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nx", "c2sp.org/tlog-proof@v1\nindex 1\n"
     + "A" * 43 + "=\n" + ("A" * 43 + "=\n") * 63 + "\nx"],
)  # fmt: skip
def test_a_malformed_proof_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        EntryProof.parse(text)
    with pytest.raises(NoteError):
        ConsistencyProof.parse(text)


def test_tiles_are_where_the_specification_puts_them() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 5, 3) == "tile/entries/005.p/3"
    widths = {
        (level, index): tile_width(level, index, 70_000)
        for level in range(4)
        for index in (0, 1, 272, 273, 274)
    }
    assert [widths[0, 272], widths[0, 273], widths[0, 274]] == [256, 112, 0]
    assert [widths[1, 0], widths[1, 1], widths[2, 0], widths[3, 0]] == [256, 17, 1, 0]
    assert tile_width(1, 0, 256) == 1
    assert bundle([b"", b"ab"]) == b"\0\0\0\x02ab"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cosignature_of_another_length_or_of_no_time_is_refused(kind: bytes) -> None:
    text = Note.parse(NOTE).text
    signer = Cosigner("witness.example/w1", bytes(32), kind)
    data = base64.b64decode(signer.cosign(text, 1_700_000_000).line().split(" ")[2])
    late = data[:4] + (2**63).to_bytes(8, "big") + data[12:]
    for bad, why in ((data + b"x", "length"), (data[:-1], "length"), (late, "impossible time")):
        line = f"— witness.example/w1 {base64.b64encode(bad).decode()}\n"
        with pytest.raises(NoteError, match=why):
            signer.public.times(Note.parse(NOTE + line))
    with pytest.raises(NoteError, match="not signed by this key"):
        signer.public.open_statement(Note.parse(NOTE))


def test_a_name_longer_than_its_length_byte_cannot_cosign() -> None:
    text = Note.parse(NOTE).text
    Cosigner("w" * 255, bytes(32), ML_DSA_44_COSIGNATURE).cosign(text, 1)
    with pytest.raises(NoteError, match="too long"):
        Cosigner("w" * 256, bytes(32), ML_DSA_44_COSIGNATURE).cosign(text, 1)
