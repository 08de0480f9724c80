"""What the guard shows of itself: the table of a self-attack, kept attestations, and who can be asked."""

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec

from appliance.core import Principal
from appliance.egress import attestation
from appliance.egress.probe import Outcome
from appliance.egress.status import Status
from appliance.errors import N_, NotFound
from appliance.tlog.faults import NoteError

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}", re.ASCII)
TIME_FORMAT = "%Y%m%dT%H%M%SZ"


class ProbeRow(msgspec.Struct, frozen=True):
    """One line of the table. `layer`: the wall that held; of a void one, why it could not be tried."""

    process: str
    technique: str
    layer: str
    outcome: Outcome


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` were tried; `void` could not be on this machine; `heard` is what arrived outside.

    `denied`: web's calls that the gate answered with no, which are not logged one by one.
    """

    ok: bool
    rows: tuple[ProbeRow, ...]
    void: tuple[ProbeRow, ...]
    heard: tuple[str, ...]
    denied: int = 0

    @property
    def leaks(self) -> tuple[ProbeRow, ...]:
        return tuple(row for row in self.rows if row.outcome == "LEAKED")


class Attested(msgspec.Struct, frozen=True):
    """A new attestation: its signed note, whether nothing leaked, and its entry in the log."""

    note: str
    ok: bool
    entry: str


class LastProbe(msgspec.Struct, frozen=True):
    time: datetime
    result: ProbeResult


class Proving(Protocol):
    """The supervisor, asked by a page. Raises Unavailable when it does not answer or cannot record."""

    @property
    def last(self) -> LastProbe | None: ...
    async def status(self) -> Status: ...
    async def probe(self, asked_by: Principal) -> ProbeResult: ...
    async def attest(self, asked_by: Principal) -> Attested: ...


class Attestations:
    """The folder with the signed notes, named by time and content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, note: str) -> str:
        """Its name. Written before its entry is committed, so no entry speaks of a note that is not there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC).strftime(TIME_FORMAT)}-{sha256(note.encode()).hexdigest()[:12]}"
        (self._folder / f"{name}.txt").write_text(note, "utf-8")
        return name

    def newest(self, limit: int) -> list[tuple[str, datetime]]:
        """(name, time) of the last ones, newest first."""
        names = sorted((path.stem for path in self._folder.glob("*.txt")), reverse=True)
        return [(name, _time(name)) for name in names if _NAME.fullmatch(name)][:limit]

    def read(self, name: str) -> str:
        """The note of that name. NotFound for anything else."""
        try:
            if _NAME.fullmatch(name):
                note = (self._folder / f"{name}.txt").read_text("utf-8")
                attestation.fields(note)
                return note
        except (FileNotFoundError, UnicodeDecodeError, NoteError):
            pass  # not one of ours, or no longer
        raise NotFound(N_("There is no such attestation."))


def _time(name: str) -> datetime:
    return datetime.strptime(name.split("-", maxsplit=1)[0], TIME_FORMAT).replace(tzinfo=UTC)
