"""The command line of the one-file verifier."""

import argparse
import json
import sys
import time
from pathlib import Path

from appliance.evidence.auditor import AuditorSecret, new_auditor, write_secret
from appliance.evidence.faults import Fault, Unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.opening import open_texts, printable
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import sentences
from appliance.evidence.witness import cosign, init_witness, read_witness, watch_log, witness_key
from appliance.tlog.cosign import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE
from appliance.tlog.note import NoteError


def main(arguments: list[str] | None = None) -> int:
    """0 when all is well, 1 when something is not as it was signed, 2 for wrong use."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except Unsound as bad:
        print(f"BAD: {bad.fault.text()}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    except (OSError, UnicodeDecodeError, NoteError) as error:
        print(f"verifier: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return code


def _verify(asked: argparse.Namespace) -> int:
    keys = [path.read_text("utf-8") for path in (asked.key, *asked.witness)]
    ring = KeyRing.parse(*keys)
    for path in asked.rotations:
        ring = ring.following(path.read_text("utf-8"))
    verdict = check_file(asked.file, ring, since=asked.since, now=time.time(), jobs=asked.jobs)
    lines = [json.dumps(verdict.as_dict(), ensure_ascii=False)] if asked.json else sentences(verdict)
    print("\n".join(lines))  # noqa: T201
    return 0 if verdict.ok else 1


def _witness(asked: argparse.Namespace) -> int:
    folder = asked.dir
    if asked.act == "init":
        kind = ML_DSA_44_COSIGNATURE if asked.ml_dsa else ED25519_COSIGNATURE
        text = init_witness(folder, asked.name, kind)
    elif asked.act == "trust":
        text = watch_log(folder, asked.key.read_text("utf-8"))
    elif asked.act == "cosign":
        text = cosign(folder, asked.request.read_text("utf-8"), int(time.time())).rstrip("\n")
    elif asked.act == "key":
        text = witness_key(folder)
    else:
        text = "\n".join(
            f"{origin} {log.size} {log.root}" for origin, log in read_witness(folder).logs.items()
        )
    print(text)  # noqa: T201
    return 0


def _keygen(asked: argparse.Namespace) -> int:
    secret = new_auditor(asked.name)
    write_secret(asked.out, secret.text())
    print(secret.public)  # noqa: T201
    return 0


def _open(asked: argparse.Namespace) -> int:
    """The texts as JSON lines; what is wrong goes to standard error."""
    secret, bad = AuditorSecret.parse(asked.key.read_text("utf-8")), 0
    with asked.file.open("rb") as file:
        for one in open_texts(file, secret):
            if isinstance(one, Fault):
                bad += 1
                print(f"BAD: {one.text()}", file=sys.stderr)  # noqa: T201
            else:
                print(printable(json.dumps(one.as_dict(), ensure_ascii=False)))  # noqa: T201
    return 1 if bad else 0


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
