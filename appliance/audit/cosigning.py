"""Our checkpoints to the witnesses that audit.yaml names: C2SP tlog-witness, asked by ourselves in time.

A witness is sent the newest checkpoint with the proof that it extends what that witness cosigned
last. It may remember another size (409): then the proof begins there. One that saw more than we
have, or another past, is the alarm this is for, and an entry. Answers are believed for their
signatures only, so whoever is in between can at worst keep them from us.
"""

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.giving import Giving, size_of
from appliance.audit.log import AuditLog
from appliance.audit.sealing import Seal, sealed_elsewhere
from appliance.audit.witnesses import Witnesses
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome
from appliance.errors import N_, NaesilError
from appliance.storage.engine import Database
from appliance.tlog.proof import ConsistencyProof

log = logging.getLogger(__name__)

LOOK_S = 1.0
AGAIN = timedelta(minutes=5)
PATIENCE_S = 10.0
WHOLE_S = 30.0
MOST_BYTES = 65536
TRIES = 2


@dataclass(frozen=True, slots=True)
class NamedWitness:
    """A witness as the policy names it; `prefix` is the path before /add-checkpoint.

    `ca`: the certificates (PEM) that its own must come from; without, it is spoken to in the clear.
    """

    name: str
    key: str = field(repr=False)
    host: str
    port: int
    prefix: str
    every: timedelta
    ca: str = field(default="", repr=False)


class Refused(NaesilError):
    """The witness does not cosign, or what it sent is no cosignature."""


class Cosigning:
    """One thread. `witnesses` is asked again and again: the policy may change."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        witnesses: Callable[[], tuple[NamedWitness, ...]],
        seal: Seal = sealed_elsewhere,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._named = witnesses
        self._giving = Giving(database, audit, seal)
        self._ours = Witnesses(database, audit, clock)
        self._due: dict[NamedWitness, float] = {}
        self._failed: dict[NamedWitness, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further witness is asked; an answer under way may still come."""
        self._stopping.set()
        self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            self.run_once()

    def run_once(self) -> int:
        """Ask every witness whose time has come; how many cosigned. Never raises."""
        count = 0
        for witness in self._named():
            if self._stopping.is_set() or self._clock.monotonic() < self._due.get(witness, 0.0):
                continue
            try:
                self.ask(witness)
            except Exception as error:  # whatever it was, the others and the next attempt must come
                self._wait(witness, min(AGAIN, witness.every))
                self._tell_failure(witness, error)
            else:
                self._wait(witness, witness.every)
                self._failed.pop(witness, None)
                count += 1
        return count

    def ask(self, witness: NamedWitness) -> int:
        """Have the newest checkpoint cosigned and keep the cosignature; of how many entries it is.

        OSError or HTTPException when the witness is not there; Refused says why it does not cosign.
        """
        old = self._trusted(witness)
        for _ in range(TRIES):
            with _connected(witness) as line:  # before a checkpoint is given out, which is an entry
                request = self._giving.consistency(SYSTEM, old)
                status, said = _post(line, witness, request)
            if status == http.client.OK:
                return self._keep(witness, request, said)
            if status != http.client.CONFLICT:
                raise Refused(
                    N_("The witness answers %(status)d: %(said)s"), status=status, said=_brief(said)
                )
            old = self._conflict(request, said)
        raise Refused(N_("The witness names another size each time."))

    def _trusted(self, witness: NamedWitness) -> int:
        """How many entries it cosigned last, as far as we know. Who activated the policy trusts its key."""
        for one in self._ours.list():
            if one.key == witness.key:
                return one.size
        return self._ours.trust(SYSTEM, witness.key).size

    def _keep(self, witness: NamedWitness, request: str, lines: str) -> int:
        note = ConsistencyProof.parse(request).note
        accepted = self._ours.accept(SYSTEM, note + lines, witness.key)
        return accepted[0][1]

    def _conflict(self, request: str, said: str) -> int:
        """The size that the proof has to begin with, as the witness says."""
        size = size_of(ConsistencyProof.parse(request).note)
        if not (number := said.strip()).isdecimal() or len(number) > 18:
            raise Refused(N_("The witness answers %(status)d: %(said)s"), status=409, said=_brief(said))
        if int(number) > size:
            raise Refused(
                N_(
                    "The witness has cosigned %(seen)d entries of this log, more than there are: "
                    "the log was set back. Compare it with the witness's checkpoint."
                ),
                seen=int(number),
            )
        if int(number) == ConsistencyProof.parse(request).old:
            raise Refused(
                N_(
                    "The witness has cosigned another log of %(size)d entries under our key: "
                    "a fork. Compare it with the witness's checkpoint."
                ),
                size=int(number),
            )
        return int(number)

    def _wait(self, witness: NamedWitness, pause: timedelta) -> None:
        self._due[witness] = self._clock.monotonic() + pause.total_seconds()

    def _tell_failure(self, witness: NamedWitness, error: Exception) -> None:
        """Each new reason is an entry once; a witness that stays away does not fill the log."""
        foreseen = isinstance(error, (OSError, NaesilError, http.client.HTTPException))
        said = (str(error) if foreseen else "")[:300] or type(error).__name__
        log.warning("the witness %s did not cosign: %s", witness.name, type(error).__name__)
        if said == self._failed.get(witness):
            return
        entry = Entry(
            action=AuditAction.WITNESS_ASKED,
            actor=SYSTEM,
            outcome=Outcome.FAILED,
            object=f"witness:{witness.name}",
            task="audit",
            reason=said,
        )
        try:
            with self._database.write(shared=True) as session:
                self._audit.append(session, entry)
        except NaesilError:
            return  # told again next time
        self._failed[witness] = said


@contextmanager
def _connected(witness: NamedWitness) -> Iterator[http.client.HTTPConnection]:
    """A connection that stands, for WHOLE_S at most. OSError when there is none or it is another's."""
    if witness.ca:
        context = ssl.create_default_context(cadata=witness.ca)
        line: http.client.HTTPConnection = http.client.HTTPSConnection(
            witness.host, witness.port, timeout=PATIENCE_S, context=context
        )
    else:
        line = http.client.HTTPConnection(witness.host, witness.port, timeout=PATIENCE_S)
    with closing(line):
        line.connect()
        end = threading.Timer(WHOLE_S, _cut, (line.sock,))  # a byte now and then would hold up the others
        end.start()
        try:
            yield line
        finally:
            end.cancel()


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):  # closed by now
        sock.shutdown(socket.SHUT_RDWR)


def _post(line: http.client.HTTPConnection, witness: NamedWitness, request: str) -> tuple[int, str]:
    """(status, body), at most MOST_BYTES of it. Nothing is followed to another address."""
    line.request("POST", f"{witness.prefix}/add-checkpoint", request.encode(), {"Content-Type": "text/plain"})
    answer = line.getresponse()
    return answer.status, answer.read(MOST_BYTES).decode("utf-8", "replace")


def _brief(said: str) -> str:
    """What a stranger says, for a reason in the log: one line, nothing that could move a cursor."""
    return "".join(one if one.isprintable() else " " for one in said[:200]).strip()
