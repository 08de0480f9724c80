"""Every sealed entry to a syslog receiver: RFC 5424 lines, counted octets over TLS (RFC 5425).

Syslog has no acknowledgement of a line, but TLS has one of the end: a receiver that answers our
close_notify (RFC 5425, 4.4) has read all that came before. So a connection lives some minutes,
is ended that way, and only then does the place up to which it was sent become durable. After a
crash, or a connection that broke, everything since is sent again: a receiver may see an entry
twice (its index tells), and misses none.

The first connection of a day carries the newest signed checkpoint too: one that the log's keeper
cannot take back.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from appliance.audit import store, tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.exportrange import SEOUL
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome
from appliance.errors import NaesilError
from appliance.evidence.formats import checkpoint_line, syslog_line
from appliance.storage.engine import Database

log = logging.getLogger(__name__)

BATCH = 256
MOST = 20_000
LIFE_S = 300.0
LOOK_S = 1.0
AGAIN_S = 60.0
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who receives, and the certificates (PEM) that the receiver's must come from."""

    host: str
    port: int
    ca: str = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


class Forwarder:
    """One thread. `receiver` is asked again and again: the policy may change."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, receiver: Callable[[], Receiver | None]
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._receiver = receiver
        self._stopping = threading.Event()
        self._failed = ""
        self._pinned = ("", "")  # at whom the last checkpoint was sent, and on which day
        self._thread = threading.Thread(target=self._run, name="syslog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the connection in good order; what it carried is kept as sent."""
        self._stopping.set()
        self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        pause = LOOK_S
        while not self._stopping.wait(pause):
            receiver = self._receiver()
            pause = LOOK_S
            if receiver is None:
                continue
            try:
                self.send(receiver)
            except Exception as error:  # whatever it was, the next attempt must come
                pause = AGAIN_S
                self._tell_failure(receiver, error)

    def send(self, receiver: Receiver) -> int:
        """One connection's life: how many entries it carried. OSError when their arrival is uncertain."""
        first = self._place(receiver)
        if not self._waiting(first):
            return 0
        after, until = first, self._clock.monotonic() + LIFE_S
        with connect(receiver) as sock:
            while after - first < MOST and self._clock.monotonic() < until:
                leaves = self._waiting(after)
                sock.sendall(frames(leaves))
                after += len(leaves)
                if not leaves and (self._stopping.wait(LOOK_S) or self._receiver() != receiver):
                    break
            pinned = self._pin(sock, receiver)
            say_farewell(sock)
        self._failed = ""
        with self._database.write() as session:
            store.put_forwarded(session, receiver.name, after)
            self._audit.append(session, _entry(receiver, Outcome.ALLOWED, f"entries {first}..{after - 1}"))
            if pinned:
                self._audit.append(session, _shown(receiver, pinned))
        self._pinned = receiver.name, self._today()
        return after - first

    def _pin(self, sock: ssl.SSLSocket, receiver: Receiver) -> int:
        """Send the newest checkpoint unless this receiver had one today: its size. Exports name it later."""
        if self._pinned == (receiver.name, self._today()):
            return 0
        with self._database.read() as session:
            newest = tree.newest_checkpoint(session)
        if newest is None:
            return 0
        now = self._clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        sock.sendall(counted(checkpoint_line(newest[1], now)))
        return newest[0]

    def _today(self) -> str:
        return f"{self._clock.now().astimezone(SEOUL):%Y-%m-%d}"

    def _place(self, receiver: Receiver) -> int:
        with self._database.read() as session:
            return store.forwarded(session, receiver.name)

    def _waiting(self, after: int) -> list[bytes]:
        """The next sealed entries."""
        with self._database.read() as session:
            limit = min(BATCH, store.last_checkpoint_size(session) - after)
            return [one.leaf for one in store.entries(session, after, limit)] if limit > 0 else []

    def _tell_failure(self, receiver: Receiver, error: Exception) -> None:
        """Each new reason is an entry once; a receiver that stays away does not fill the log."""
        foreseen = isinstance(error, (OSError, NaesilError))
        said = str(error)[:300] if foreseen else type(error).__name__
        log.warning("the log could not be sent to %s: %s", receiver.name, type(error).__name__)
        if said == self._failed:
            return
        try:
            with self._database.write() as session:
                self._audit.append(session, _entry(receiver, Outcome.FAILED, said))
        except NaesilError:
            return  # told again next time
        self._failed = said


def frames(leaves: Sequence[bytes]) -> bytes:
    """The entries one after another: octet count, space, line."""
    return b"".join(counted(syslog_line(msgspec.json.decode(leaf))) for leaf in leaves)


def counted(line: str) -> bytes:
    """A line as RFC 5425 sends it."""
    data = line.encode()
    return b"%d %s" % (len(data), data)


def connect(receiver: Receiver) -> ssl.SSLSocket:
    """TLS to the receiver, whose name and certificate are checked. OSError when it is not there."""
    context = ssl.create_default_context(cadata=receiver.ca)
    plain = socket.create_connection((receiver.host, receiver.port), PATIENCE_S)
    try:
        return context.wrap_socket(plain, server_hostname=receiver.host)
    except BaseException:
        plain.close()
        raise


def say_farewell(sock: ssl.SSLSocket) -> None:
    """Send close_notify and wait until the other side has read up to it. OSError when it did not."""
    with suppress(ssl.SSLEOFError):  # ended without a word of its own, but in order: all before was read
        sock.unwrap().close()


def _entry(receiver: Receiver, outcome: Outcome, reason: str) -> Entry:
    return Entry(
        action=AuditAction.LOG_FORWARDED,
        actor=SYSTEM,
        outcome=outcome,
        object=f"syslog:{receiver.name}",
        task="audit",
        reason=reason,
    )


def _shown(receiver: Receiver, size: int) -> Entry:
    return Entry(
        action=AuditAction.CHECKPOINT_SHOWN,
        actor=SYSTEM,
        outcome=Outcome.ALLOWED,
        object=f"checkpoint:{size}",
        task="audit",
        reason=f"syslog:{receiver.name}",
    )
