"""The manifest against the files, and the log's own entry against the manifest."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from appliance.evidence.archive import READ_BYTES, Archive, read_some
from appliance.evidence.faults import N_, unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.layout import (
    MANIFEST,
    MANIFEST_CONSISTENCY,
    MANIFEST_PROOF,
    MAX_MANIFEST_BYTES,
    SEAL_ACTION,
    SEAL_PREFIX,
    Manifest,
)
from appliance.evidence.record import parse_record
from appliance.tlog.faults import NoteError
from appliance.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from appliance.tlog.note import MAX_NOTE_CHARACTERS, Checkpoint
from appliance.tlog.proof import ConsistencyProof, EntryProof

Proof = TypeVar("Proof", EntryProof, ConsistencyProof)
NOT_LISTED = {MANIFEST, MANIFEST_PROOF, MANIFEST_CONSISTENCY}


def check_files(archive: Archive, manifest: Manifest, is_tile: Callable[[str], bool]) -> None:
    """Each listed file is there as listed, and there is no other but the tree's."""
    for name, told in manifest.files.items():
        found, length = hashlib.sha256(), 0
        with archive.open(name) as member:
            while block := read_some(member, READ_BYTES, name):
                found.update(block)
                length += len(block)
        if (length, found.hexdigest()) != (told.bytes, told.sha256):
            raise unsound("file-changed", N_("%(file)s is not the file that the manifest lists."), file=name)
    for name in archive.members:
        if name not in manifest.files and name not in NOT_LISTED and not is_tile(name):
            raise unsound("file-unknown", N_("%(file)s does not belong to the export."), file=name)


def check_manifest_entry(archive: Archive, ring: KeyRing, checkpoint: Checkpoint) -> None:
    """The log holds an entry that names this manifest, under a checkpoint that extends the export's."""
    digest = hashlib.sha256(archive.read(MANIFEST, MAX_MANIFEST_BYTES)).hexdigest()
    proof = _parse_member(archive, MANIFEST_PROOF, EntryProof.parse)
    later, _ = ring.checkpoint(proof.note, MANIFEST_PROOF)
    if not verify_inclusion(proof.index, later.size, leaf_hash(proof.extra), list(proof.path), later.root):
        raise unsound("manifest-proof", N_("%(file)s does not prove what it should."), file=MANIFEST_PROOF)
    try:
        record = parse_record(proof.extra)
    except ValueError:
        record = {}
    told = record.get("action"), record.get("object")
    if told != (SEAL_ACTION, SEAL_PREFIX + digest):
        raise unsound("manifest-changed", N_("%(file)s is not the one that the log recorded."), file=MANIFEST)
    step = _parse_member(archive, MANIFEST_CONSISTENCY, ConsistencyProof.parse)
    after, _ = ring.checkpoint(step.note, MANIFEST_CONSISTENCY)
    if (step.old, after) != (checkpoint.size, later) or not verify_consistency(
        step.old, later.size, checkpoint.root, later.root, list(step.path)
    ):
        raise unsound(
            "manifest-consistency",
            N_("%(file)s does not prove what it should."),
            file=MANIFEST_CONSISTENCY,
        )


def _parse_member(archive: Archive, name: str, parse: Callable[[str], Proof]) -> Proof:
    try:
        return parse(archive.read(name, MAX_NOTE_CHARACTERS).decode())
    except (NoteError, UnicodeDecodeError) as error:
        raise unsound(
            "proof-form", N_("%(file)s is not a proof: %(error)s."), file=name, error=error
        ) from None
