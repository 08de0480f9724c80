"""Faults that are planted for real, and the row of `appliance doctor` that must name each.

The list is the one in docs/operations.md ("What doctor finds").
"""

import datetime
import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.backup.stamp import stamp
from appliance.config import Settings
from appliance.storage.engine import Database

Plant = Callable[["Site"], object]


@dataclass
class Site:
    """A house that is well, and what to serve it with; a fault changes either."""

    settings: Settings
    held: list[socket.socket]

    @property
    def data(self) -> Path:
        return self.settings.data

    def change(self, **values: object) -> None:
        self.settings = replace(self.settings, **values)  # type: ignore[arg-type]

    def sql(self, *statements: str) -> None:
        database = Database(self.settings.database_address)
        with database.write() as session:
            for statement in statements:
                session.execute(sa.text(statement))
        database.close()


def data_is_a_file(site: Site) -> None:
    shutil.rmtree(site.data)
    site.data.write_text("a file")


def someone_elses_file(site: Site) -> None:
    for path in (site.data, *site.data.rglob("*")):
        os.chown(path, 34567, 34567)
    os.chown(site.data / "config.toml", 34568, 34568)


def damaged_pages(site: Site) -> None:
    file = site.data / "naesil.db"
    content = bytearray(file.read_bytes())
    content[4096 : 4096 * 6] = os.urandom(4096 * 5)
    file.write_bytes(content)


def no_database_at_all(site: Site) -> None:
    (site.data / "naesil.db").write_bytes(b"this is not a database" * 500)


def certificate(site: Site, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "naesil.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(days=400))
    made = made.not_valid_after(now + datetime.timedelta(days=days))
    file = site.data.parent / "tls.crt"
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    site.change(tls_cert=file, tls_key=file)


def changed_model(site: Site) -> None:
    (site.data / "models" / "mine.gguf").write_bytes(b"GGUF but cut short")
    site.change(model="mine")


def taken_port(site: Site) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    site.held.append(listening)
    site.change(port=listening.getsockname()[1])


def egress(site: Site, text: str) -> None:
    shipped = (Path(__file__).parents[2] / "policies" / "egress.yaml").read_text("utf-8")
    (site.data / "policies" / "egress.yaml").write_text(text or shipped, "utf-8")


NOWHERE = """version: 1
destinations:
  - {name: archive, host: no-such-host.invalid, port: 443, protocol: tcp, purpose: t, approved_by: somebody}
"""


def old_stamp(site: Site) -> None:
    stamp(site.settings.run_folder, datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))


def future_entry(site: Site) -> None:
    """As after a day with a wrong clock: the log's last entry says a later year."""
    site.sql("UPDATE audit_entries SET time = '2999-01-01T00:00:00.000000Z'")


def other_root_key(site: Site) -> None:
    key = site.data / "keys" / "root.key"
    key.write_bytes(os.urandom(32))


def headless(site: Site) -> None:
    head = site.data / "keys" / "log.head"
    head.write_text(json.dumps({**json.loads(head.read_text()), "size": 1_000_000}))


def keyless(site: Site) -> None:
    for path in (site.data / "keys").glob("log.*"):
        path.unlink()


# name -> (the row, its severity, how it is planted)
PLANTED: dict[str, tuple[str, str, Plant]] = {
    "the data folder is a file": ("data folder", "fault", data_is_a_file),
    "a file of another owner": ("owner", "fault", someone_elses_file),
    "keys that others may read": ("key modes", "fault", lambda s: (s.data / "keys/root.key").chmod(0o644)),
    "a keys folder that others may enter": ("key modes", "fault", lambda s: (s.data / "keys").chmod(0o755)),
    "no root key": ("keys", "fault", lambda s: (s.data / "keys/root.key").unlink()),
    "no log key": ("keys", "fault", lambda s: (s.data / "keys/log.key").unlink()),
    "no last signed head": ("keys", "fault", lambda s: (s.data / "keys/log.head").unlink()),
    "the root key of another house": ("root key", "fault", other_root_key),
    "a damaged database": ("database", "fault", damaged_pages),
    "no database in the file": ("database", "fault", no_database_at_all),
    "a newer schema": (
        "schema", "fault", lambda s: s.sql("UPDATE alembic_version SET version_num = '9000_tomorrow'"),
    ),
    "a half-migrated database": ("schema", "fault", lambda s: s.sql("DROP TABLE presets")),
    "none of the log's keys, though it was signed": ("log", "fault", keyless),
    "fewer entries than were signed": ("log", "fault", headless),
    "tiles that are not those that were signed": (
        "log", "fault", lambda s: s.sql("UPDATE audit_tiles SET hashes = zeroblob(length(hashes))"),
    ),
    "a clock behind the log": ("clock", "fault", future_entry),
    "no administrator": ("administrator", "warning", lambda s: s.sql("UPDATE users SET disabled = true")),
    "no backup for a week": ("backup", "warning", old_stamp),
    "no backup ever": ("backup", "warning", lambda s: (s.settings.run_folder / "last-backup.json").unlink()),
    "an expired certificate": ("certificate", "fault", lambda s: certificate(s, -1)),
    "a certificate that expires soon": ("certificate", "warning", lambda s: certificate(s, 10)),
    "an egress policy nobody can read": ("egress policy", "fault", lambda s: egress(s, "version: [")),
    "a destination without an address": ("egress policy", "fault", lambda s: egress(s, NOWHERE)),
    "a broken policy file": (
        "policies", "fault", lambda s: (s.data / "policies/dlp.yaml").write_text("rules: 3\n"),
    ),
    "a model that is not there": ("model", "fault", lambda s: s.change(model="no-such-model")),
    "a model file that was cut short": ("model", "fault", changed_model),
    "a port that is taken": ("port", "fault", taken_port),
    "an open door without TLS": ("exposure", "fault", lambda s: s.change(host="0.0.0.0")),  # noqa: S104 - it is refused
    "less memory than was promised": ("memory", "fault", lambda s: s.change(conversation_memory=2**20)),
    "something left half-way": (
        "left behind", "warning", lambda s: (s.data / "models/.staging-1.gguf").write_bytes(b"half"),
    ),
}  # fmt: skip
