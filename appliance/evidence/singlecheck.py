"""Everything smaller than an export: one entry, a checkpoint, consistency of two, a disclosed text.

`check_file` tells by its first bytes what a file is.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from appliance.evidence.archive import Archive
from appliance.evidence.certificate import CERTIFICATE, stated
from appliance.evidence.entrycheck import check_times
from appliance.evidence.exportcheck import Progress, check_export, export_ring
from appliance.evidence.faults import N_, Unsound, unsound
from appliance.evidence.formats import SIGNED, kept_checkpoint
from appliance.evidence.keys import KeyRing, unknown_signers
from appliance.evidence.layout import CHECKPOINT
from appliance.evidence.record import MAX_RECORD_BYTES, Record, parse_record
from appliance.evidence.verdict import NO_OUTSIDE, Verdict, add_cosigned
from appliance.tlog.faults import NoteError
from appliance.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from appliance.tlog.note import MAX_NOTE_CHARACTERS, Checkpoint, encode64
from appliance.tlog.proof import PROOF_HEADER, ConsistencyProof, EntryProof

DISCLOSURE = "naesil-disclosure/1"
MAX_TEXT_BYTES = 64 * 1024 * 1024


def check_file(
    path: Path,
    ring: KeyRing,
    *,
    since: Sequence[Path] = (),
    now: float,
    jobs: int = 0,
    progress: Progress = lambda _done, _all: None,
) -> Verdict:
    """Check an export, a proof, a checkpoint or a disclosure, by what the file is. Raises OSError."""
    with path.open("rb") as file:
        if not file.read(1):
            return Verdict("file", faults=[unsound("empty", N_("The file is empty.")).fault])
        file.seek(0)
        try:
            known = _known(file, ring)
        except Unsound as bad:
            return Verdict("export", faults=[bad.fault])
        try:
            old = [read_checkpoint(one, known) for one in since]
        except Unsound as bad:
            return Verdict("since", faults=[bad.fault])
        file.seek(0)
        if file.read(2) == b"PK":
            return check_export(file, ring, since=old, now=now, jobs=jobs, progress=progress)
    verdict = Verdict("file")
    try:
        _check_text(_read_text(path), ring, old, verdict, now)
    except Unsound as bad:
        verdict.faults.append(bad.fault)
    if verdict.ok and not verdict.since and not verdict.cosigned:
        verdict.warnings.append(NO_OUTSIDE)
    return verdict


def _known(file: BinaryIO, ring: KeyRing) -> KeyRing:
    """The keys, with those that an export says replaced them: an earlier checkpoint may be by those."""
    if file.read(2) != b"PK":
        return ring
    return export_ring(Archive(file), ring)


def read_checkpoint(path: Path, ring: KeyRing) -> Checkpoint:
    """A checkpoint kept elsewhere, its signature checked; of an export, the export's. `Unsound` otherwise."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            text = Archive(file).read(CHECKPOINT, MAX_NOTE_CHARACTERS).decode("utf-8", "replace")
            return ring.checkpoint(text, path.name)[0]
    return ring.checkpoint(kept_checkpoint(_read_text(path)), path.name)[0]


def _check_text(text: str, ring: KeyRing, old: Sequence[Checkpoint], verdict: Verdict, now: float) -> None:
    if text.startswith("{") and CERTIFICATE in text[:200]:
        _check_certificate(text, ring, old, verdict, now)
    elif text.startswith("{"):
        _check_disclosure(text, ring, old, verdict, now)
    elif text.startswith(PROOF_HEADER):
        _check_entry(text, ring, old, verdict, now)
    elif text.startswith("old "):
        _check_consistency(text, ring, old, verdict, now)
    elif f"\n{SIGNED}" not in (kept := kept_checkpoint(text)):
        raise unsound(
            "unknown-file",
            N_("This is neither an export nor a proof, a checkpoint, a disclosure or a certificate."),
        )
    else:
        verdict.kind = "checkpoint"
        _check_same(_head(kept, ring, verdict, now), old, verdict)


def _check_entry(text: str, ring: KeyRing, old: Sequence[Checkpoint], verdict: Verdict, now: float) -> Record:
    """An entry's bytes, its place, its form. The record is returned and put into the verdict."""
    verdict.kind = "entry"
    try:
        proof = EntryProof.parse(text)
    except NoteError as error:
        raise unsound("proof-form", N_("The proof is malformed: %(error)s."), error=error) from None
    checkpoint = _head(proof.note, ring, verdict, now)
    if not proof.extra:
        raise unsound("proof-empty", N_("The proof does not carry its entry."))
    hashed = leaf_hash(proof.extra)
    if not verify_inclusion(proof.index, checkpoint.size, hashed, list(proof.path), checkpoint.root):
        raise unsound(
            "entry-proof",
            N_("The proof does not hold: entry %(entry)d is not what was signed."),
            entry=proof.index,
        )
    try:
        record = parse_record(proof.extra)
    except ValueError as error:
        raise unsound(
            "entry-form",
            N_("Entry %(entry)d is signed but not in the one form an entry has: %(error)s."),
            entry=proof.index,
            error=error,
        ) from None
    if record["index"] != proof.index:
        raise unsound(
            "entry-index",
            N_("Entry %(entry)d says that it is entry %(other)d."),
            entry=proof.index,
            other=record["index"],
        )
    check_times([record], now)
    verdict.first, verdict.entries = proof.index, 1
    verdict.details["entry"] = record
    _check_same(checkpoint, old, verdict)
    return record


def _check_consistency(
    text: str, ring: KeyRing, old: Sequence[Checkpoint], verdict: Verdict, now: float
) -> None:
    verdict.kind = "consistency"
    try:
        proof = ConsistencyProof.parse(text)
    except NoteError as error:
        raise unsound("proof-form", N_("The proof is malformed: %(error)s."), error=error) from None
    checkpoint = _head(proof.note, ring, verdict, now)
    before = next((one for one in old if one.size == proof.old), None)
    if before is None:
        raise unsound(
            "since-needed",
            N_("This proof begins at %(size)d entries: give the checkpoint of that size with --since."),
            size=proof.old,
        )
    if before.size == checkpoint.size and before.root != checkpoint.root:
        raise _fork(before.size)
    if not verify_consistency(before.size, checkpoint.size, before.root, checkpoint.root, list(proof.path)):
        raise unsound(
            "since-inconsistent",
            N_("The first %(size)d entries are not those of the outside checkpoint: the log was rewritten."),
            size=before.size,
        )
    verdict.since.append(before.size)


def _check_disclosure(
    text: str, ring: KeyRing, old: Sequence[Checkpoint], verdict: Verdict, now: float
) -> None:
    """The text is the one that the entry commits to: HMAC(key, text), the key made for this entry alone."""
    try:
        values = json.loads(text)
        if values["format"] != DISCLOSURE:
            raise ValueError("another format")
        key, said, proof = bytes.fromhex(values["key"]), str(values["text"]), str(values["proof"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise unsound("disclosure-form", N_("This is not a disclosure: %(error)s."), error=error) from None
    record = _check_entry(proof, ring, old, verdict, now)
    verdict.kind = "disclosure"
    bound = hmac.new(key, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(bound, str(record.get("commitment", ""))):
        raise unsound(
            "disclosure-text",
            N_("The disclosed text is not the one that entry %(entry)d commits to."),
            entry=record["index"],
        )


def _check_certificate(
    text: str, ring: KeyRing, old: Sequence[Checkpoint], verdict: Verdict, now: float
) -> None:
    """The entry is what was signed, is of a destruction, and the file says of it what it says."""
    try:
        values = json.loads(text)
        proof = str(values.pop("proof"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise unsound("certificate-form", N_("This is not a certificate: %(error)s."), error=error) from None
    record = _check_entry(proof, ring, old, verdict, now)
    verdict.kind = "certificate"
    try:
        told = stated(record)
    except ValueError as error:
        raise unsound("certificate-form", N_("This is not a certificate: %(error)s."), error=error) from None
    for name in sorted(told.keys() | values.keys()):
        if values.get(name) != told.get(name):
            raise unsound(
                "certificate-words",
                N_("The certificate's '%(name)s' is not what entry %(entry)d says."),
                name=name,
                entry=record["index"],
            )


def _head(text: str, ring: KeyRing, verdict: Verdict, now: float) -> Checkpoint:
    checkpoint, cosigned = ring.checkpoint(text, CHECKPOINT)
    verdict.origin, verdict.size, verdict.root = checkpoint.origin, checkpoint.size, encode64(checkpoint.root)
    add_cosigned(verdict, cosigned, CHECKPOINT, now)
    verdict.details["unknown_signers"] = unknown_signers(text, ring)
    return checkpoint


def _check_same(checkpoint: Checkpoint, old: Sequence[Checkpoint], verdict: Verdict) -> None:
    """Without a proof only checkpoints of the same size can be compared."""
    for one in old:
        if one.size == checkpoint.size and one.root != checkpoint.root:
            raise _fork(one.size)
        if one.size != checkpoint.size:
            raise unsound(
                "since-unproved",
                N_(
                    "Checkpoints of %(old)d and %(new)d entries cannot be compared without a proof: "
                    "ask for 'appliance audit consistency', or for an export."
                ),
                old=one.size,
                new=checkpoint.size,
            )
        verdict.since.append(one.size)


def _fork(size: int) -> Unsound:
    return unsound(
        "fork",
        N_("Two different logs of the same size (%(size)d) were signed with this key: a fork."),
        size=size,
    )


def _read_text(path: Path) -> str:
    limit = MAX_TEXT_BYTES + MAX_RECORD_BYTES
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise unsound("file-too-long", N_("%(file)s is longer than it can be."), file=path.name)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise unsound("not-an-export", N_("This is not an export: it is not a zip file.")) from None
