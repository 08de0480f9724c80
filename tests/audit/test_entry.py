"""A record has one byte form, of bounded size, and every action a name of three parts."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.audit.actions import AuditAction
from appliance.audit.entry import MAX_LEAF_BYTES, Entry, decode, encode, state
from appliance.core import Outcome, Principal, Usage

TEXTS = st.text(max_size=20)
ENTRIES = st.builds(
    Entry,
    action=st.sampled_from(AuditAction),
    actor=st.builds(Principal, TEXTS, st.sampled_from(["user", "key", "system"]), TEXTS, TEXTS),
    outcome=st.sampled_from(Outcome),
    object=TEXTS,
    subject=TEXTS,
    task=TEXTS,
    reason=TEXTS,
    rules=st.lists(TEXTS, max_size=3).map(tuple),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**40)] * 3),
    detections=st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
    guard_level=TEXTS,
)


@given(ENTRIES, st.none() | st.integers(0, 2**53))
def test_a_record_survives_its_byte_form_which_is_the_canonical_one(entry: Entry, index: int | None) -> None:
    leaf = msgspec.structs.replace(state(entry, id="i", time="t", boot="b"), index=index)
    data = encode(leaf)
    assert decode(data) == leaf
    by_definition = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert data == by_definition.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"v":1}',
        b'{"action":"a","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t","v":1} ',
        b'{"v":1,"action":"a","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t"}',
        b'{"action":"a","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t","v":1.0}',
        b'{"action":"a","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t","v":1,"x":1}',
        b'{"action":"\\u0061","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t","v":1}',
        b'{"action":"a","actor":{"kind":"user"},"boot":"b","id":"i","object":"","outcome":"o","time":"t","v":1}',
        b'{"action":"a","action":"a","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t","v":1}',
        b'{"action":"a","actor":{"kind":"user"},"boot":"b","id":"i","outcome":"o","time":"t","v":'
        + b"1" * 5000
        + b"}",
    ],
)
def test_any_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        decode(data)


def test_an_accepted_entry_still_fits_once_it_has_its_index() -> None:
    def long(length: int) -> Entry:
        return Entry(
            action=AuditAction.SETUP,
            actor=Principal("", "system"),
            outcome=Outcome.ALLOWED,
            reason="x" * length,
        )

    fits = 0
    for length in range(MAX_LEAF_BYTES - 250, MAX_LEAF_BYTES):
        leaf = state(long(length), id="i", time="t", boot="b")
        try:
            encode(leaf)
        except ValueError:
            break
        fits = length
        assert len(encode(msgspec.structs.replace(leaf, index=2**63 - 1))) <= MAX_LEAF_BYTES
    assert fits
    with pytest.raises(ValueError, match="60 KiB"):
        encode(state(long(fits + 1), id="i", time="t", boot="b"))


@pytest.mark.parametrize("action", AuditAction)
def test_an_action_is_area_object_verb(action: AuditAction) -> None:
    assert re.fullmatch(r"[a-z]+:[a-z-]+:[a-z-]+", action)
