"""Signed notes: what was signed opens, anything else does not, and the C2SP form is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.tlog.note import Checkpoint, NoteError, Signer, Verifier, parse_checkpoint

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


@pytest.mark.parametrize("text", ["", "a+b", "name+00000000+AQAA", str(SIGNER.verifier)[:-4] + "AAAA"])
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(text)
