"""Signed notes: what was signed opens, anything else does not, and the C2SP form is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.tlog.cosign import ED25519_COSIGNATURE, Cosigner
from appliance.tlog.faults import NoteError
from appliance.tlog.note import MAX_SIGNATURES, Checkpoint, Signer, Verifier, parse_checkpoint

SIGNER = Signer("naesil.log/test", bytes(range(32)))
CHECKPOINT = Checkpoint("naesil.log/test", 42, bytes(32))
NOTE = SIGNER.sign(CHECKPOINT.text())


def test_a_signed_checkpoint_opens_to_what_was_signed() -> None:
    assert SIGNER.verifier.checkpoint(NOTE) == CHECKPOINT


def test_the_note_has_the_form_of_the_specification() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == ["naesil.log/test", "42", "A" * 43 + "=", ""]
    assert lines[4].startswith("— naesil.log/test ")
    assert lines[5:] == [""]


GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
GO_NOTE = f"{GO_TEXT}\n— PeterNeumann {GO_SIGNATURE}\n"


def test_a_note_of_gos_own_package_opens() -> None:
    assert Verifier.parse(GO_KEY).open(GO_NOTE) == GO_TEXT


def test_a_note_opens_among_signatures_of_others() -> None:
    witness = Signer("witness.example", bytes(32)).sign(CHECKPOINT.text()).rsplit("\n\n", 1)[1]
    assert SIGNER.verifier.checkpoint(NOTE.replace("\n\n", "\n\n" + witness)) == CHECKPOINT
    assert Signer("witness.example", bytes(32)).verifier.checkpoint(NOTE + witness) == CHECKPOINT


@pytest.mark.parametrize(
    "note",
    [NOTE + "\n", NOTE[:-1], NOTE + "noise\n", NOTE + "\x0b\n", NOTE.replace("\n", "\r\n"), "\n" + NOTE[1:]],
)
def test_a_note_in_another_form_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        SIGNER.verifier.checkpoint(note)


def test_a_text_with_control_characters_is_refused_though_signed() -> None:
    with pytest.raises(NoteError):
        SIGNER.verifier.open(SIGNER.sign("a\tb\n"))


def test_a_text_without_its_last_newline_is_not_signed() -> None:
    with pytest.raises(NoteError):
        SIGNER.sign("text")


def test_a_verifier_key_survives_its_text_form() -> None:
    assert Verifier.parse(str(SIGNER.verifier)) == SIGNER.verifier


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, flip: int) -> None:
    data = bytearray(NOTE.encode())
    data[at] ^= flip
    with pytest.raises((NoteError, UnicodeDecodeError)):
        SIGNER.verifier.checkpoint(bytes(data).decode())


def test_another_key_of_the_same_name_does_not_open_it() -> None:
    with pytest.raises(NoteError):
        Signer("naesil.log/test", bytes(32)).verifier.open(NOTE)


@pytest.mark.parametrize(
    "text", ["", "a\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n01\n" + "A" * 43 + "=\n", "a\n1\nAAAA\n"]
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        "name+00000000+AQAA",
        "+" + GO_KEY.split("+", 1)[1],
        "a b+" + GO_KEY.split("+", 1)[1],
        str(SIGNER.verifier)[:-4] + "AAAA",
        str(Cosigner("w", bytes(32), ED25519_COSIGNATURE).public),
        GO_KEY[:-1] + "X",  # the same bytes, written otherwise: bits that base64 does not use
    ],
)
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(text)


def test_a_note_has_so_many_signatures_and_no_more() -> None:
    text, lines = NOTE.rsplit("\n\n", 1)
    assert SIGNER.verifier.checkpoint(f"{text}\n\n{lines * MAX_SIGNATURES}") == CHECKPOINT
    with pytest.raises(NoteError, match="too many"):
        SIGNER.verifier.checkpoint(f"{text}\n\n{lines * (MAX_SIGNATURES + 1)}")
