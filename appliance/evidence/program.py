"""The command line of the one-file verifier."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import BinaryIO

from appliance.evidence.auditor import AuditorSecret, new_auditor, write_private
from appliance.evidence.faults import Fault, Unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.opening import open_texts, printable
from appliance.evidence.openingrecord import opening_record
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import sentences
from appliance.evidence.witness import (
    REFUSALS,
    cosign,
    init_witness,
    read_witness,
    watch_log,
    witness_key,
)
from appliance.tlog.cosign import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE
from appliance.tlog.faults import NoteError


class WrongUse(Exception):
    """Says what is wrong with the command's own files; nothing was checked."""


def main(arguments: list[str] | None = None) -> int:
    """0 when all is well, 1 when something is not as it was signed, 2 for wrong use."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except Unsound as bad:
        print(f"BAD: {bad.fault.text()}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    except (OSError, UnicodeDecodeError, NoteError, WrongUse) as error:
        print(f"verifier: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return code


def _verify(asked: argparse.Namespace) -> int:
    ring = _ring([asked.key, *asked.witness], asked.rotations)
    verdict = check_file(asked.file, ring, since=asked.since, now=time.time(), jobs=asked.jobs)
    lines = [json.dumps(verdict.as_dict(), ensure_ascii=False)] if asked.json else sentences(verdict)
    print("\n".join(lines))  # noqa: T201
    return 0 if verdict.ok else 1


def _ring(keys: list[Path], rotations: list[Path]) -> KeyRing:
    """The auditor's keys. WrongUse when there are none in these files."""
    try:
        ring = KeyRing.parse(*(path.read_text("utf-8") for path in keys))
        for path in rotations:
            ring = ring.following(path.read_text("utf-8"))
    except Unsound as bad:
        raise WrongUse(bad.fault.text()) from None
    return ring


def _witness(asked: argparse.Namespace) -> int:
    try:
        print(_witness_says(asked))  # noqa: T201
    except Unsound as bad:
        if bad.fault.code in REFUSALS:
            raise
        raise WrongUse(bad.fault.text()) from None
    return 0


def _witness_says(asked: argparse.Namespace) -> str:
    folder = asked.dir
    if asked.act == "init":
        return init_witness(
            folder, asked.name, ML_DSA_44_COSIGNATURE if asked.ml_dsa else ED25519_COSIGNATURE
        )
    if asked.act == "trust":
        return watch_log(folder, asked.key.read_text("utf-8"))
    if asked.act == "cosign":
        return cosign(folder, asked.request.read_text("utf-8"), int(time.time())).rstrip("\n")
    if asked.act == "key":
        return witness_key(folder)
    return "\n".join(f"{origin} {log.size} {log.root}" for origin, log in read_witness(folder).logs.items())


def _keygen(asked: argparse.Namespace) -> int:
    secret = new_auditor(asked.name)
    write_private(asked.out, secret.text())
    print(secret.public)  # noqa: T201
    return 0


def _open(asked: argparse.Namespace) -> int:
    """The texts as JSON lines; what is wrong goes to standard error. An export that is none opens nothing."""
    if asked.log_key is not None:
        verdict = check_file(
            asked.file, _ring([asked.log_key], asked.rotations), since=asked.since, now=time.time()
        )
        if not verdict.ok:
            print("\n".join(sentences(verdict)), file=sys.stderr)  # noqa: T201
            return 1
    elif asked.since:
        raise WrongUse("--since needs the log's public key: give --log-key.")
    else:
        print("Not checked: whether the export is what the log signed. Give --log-key.", file=sys.stderr)  # noqa: T201
    secret, bad = AuditorSecret.parse(asked.key.read_text("utf-8")), 0
    with asked.file.open("rb") as file:
        _record_opening(file, secret, asked)
        for one in open_texts(file, secret):
            if isinstance(one, Fault):
                bad += 1
                print(f"BAD: {one.text()}", file=sys.stderr)  # noqa: T201
            else:
                print(printable(json.dumps(one.as_dict(), ensure_ascii=False)))  # noqa: T201
    return 1 if bad else 0


def _record_opening(file: BinaryIO, secret: AuditorSecret, asked: argparse.Namespace) -> None:
    """Before anything is shown."""
    now = time.gmtime()
    try:
        record = opening_record(file, secret, asked.reason, time.strftime("%Y-%m-%dT%H:%M:%SZ", now))
    except Unsound as bad:
        raise WrongUse(bad.fault.text()) from None
    if record:
        path = asked.record or f"{asked.file}.{time.strftime('%Y%m%dT%H%M%SZ', now)}.opened"
        write_private(path, record)
        print(f"Recorded in {path}: bring it to the log.", file=sys.stderr)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="verifier", description="Checks what Naesil's audit log gives out.")
    commands = parser.add_subparsers(required=True)
    verify = commands.add_parser("verify", help="check an export, a proof, a checkpoint or a disclosed text")
    verify.add_argument("file", type=Path)
    verify.add_argument("--key", type=Path, required=True, help="file with the log's verifier key")
    verify.add_argument("--since", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    verify.add_argument("--witness", type=Path, action="append", default=[], help="file with a witness's key")
    verify.add_argument(
        "--rotations", type=Path, action="append", default=[], help="file with statements of replaced keys"
    )
    verify.add_argument("--jobs", type=int, default=0, help="processes; 0: one per core")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=_verify)
    keygen = commands.add_parser("keygen", help="make an auditor's key")
    keygen.add_argument("--out", type=Path, required=True, help="file for the secret key")
    keygen.add_argument("--name", default="auditor")
    keygen.set_defaults(run=_keygen)
    opening = commands.add_parser("open", help="open an export's texts that are sealed for auditors")
    opening.add_argument("file", type=Path)
    opening.add_argument("--key", type=Path, required=True, help="file with the auditor's secret key")
    opening.add_argument("--reason", required=True, help="why they are opened; part of the opening's record")
    opening.add_argument("--record", type=Path, help="file for the record; otherwise beside the export")
    opening.add_argument("--log-key", type=Path, help="file with the log's key: check the export first")
    opening.add_argument(
        "--since", type=Path, action="append", default=[], help="a checkpoint kept elsewhere"
    )
    opening.add_argument(
        "--rotations", type=Path, action="append", default=[], help="file with statements of replaced keys"
    )
    opening.set_defaults(run=_open)
    witness = commands.add_parser("witness", help="cosign checkpoints").add_subparsers(
        dest="act", required=True
    )
    for act in ("init", "trust", "cosign", "key", "status"):
        command = witness.add_parser(act)
        command.add_argument("--dir", type=Path, required=True, help="the witness's folder")
        command.set_defaults(run=_witness)
        if act == "init":
            command.add_argument("--name", required=True)
            command.add_argument("--ml-dsa", action="store_true")
        elif act == "trust":
            command.add_argument("--key", type=Path, required=True, help="file with the log's verifier key")
        elif act == "cosign":
            command.add_argument("request", type=Path)
    return parser
