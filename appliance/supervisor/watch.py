"""The supervisor's loop: children, their reports and output, signals. One thread, no secrets.

A runtime or sealer that ends is started again and its new socketpair end is handed to web.
When web ends, the others see their socketpairs close and end too; all are started afresh.
A child that reports that it cannot start ends the product with that child's own words.
"""
# long because: one loop owns every line and child; what can be apart is (desk, switch, exchange, turn)

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

import msgspec

from appliance.clock import Clock
from appliance.config import Settings
from appliance.errors import N_, ConfigError, NaesilError, Unavailable
from appliance.protocol.egress import EgressEvent
from appliance.supervisor.children import Child
from appliance.supervisor.desk import Desk
from appliance.supervisor.door import Door
from appliance.supervisor.exchange import Exchange
from appliance.supervisor.extractors import Extractors
from appliance.supervisor.extractors import Starts as StartsExtractors
from appliance.supervisor.launching import Gone
from appliance.supervisor.mirror import Mirror
from appliance.supervisor.outbox import Outbox
from appliance.supervisor.questions import OnAnswer, Questions
from appliance.supervisor.spec import (
    EXIT_UNAVAILABLE,
    ChildName,
    Report,
    ReportLine,
    RoleName,
    send_report,
)
from appliance.supervisor.starters import Starters
from appliance.supervisor.switch import Starts, Switch
from appliance.supervisor.turn import take_turn

log = logging.getLogger(__name__)

DRAIN_S = 30.0
FOLLOW_S = 5.0
QUICK_DEATH_S = 5.0
MAX_QUICK_DEATHS = 5
READ_BYTES = 65536
MAX_DESCRIPTORS = 2
POST_ENDED = N_("The process that listens during a self-attack ended. Start the product again.")


class Starter(Starts, StartsExtractors, Protocol):
    """Makes the child of a role."""

    def __call__(self, role: ChildName, supervisor: "Supervisor", /) -> Child: ...


@dataclass(slots=True)
class _Restarts:
    """How a role has fared: when it last started and how often it died young in a row."""

    started: float = 0.0
    quick_deaths: int = 0
    due: float | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """A child that was there before the supervisor, and the line whose end it takes for its own."""

    child: Child
    line: socket.socket


class Supervisor:
    """Keeps one child of each role alive until told to stop. `starter` makes it; the rest is watching."""

    def __init__(
        self,
        starter: Starter,
        clock: Clock,
        on_ready: Callable[[Report], None],
        door: Door,
        roles: Sequence[ChildName],
        settings: Settings,
        starters: Starters,
        post: "Handed",
    ) -> None:
        self._starter = starter
        self.starters = starters
        self._post_line = post.line
        self.switch = Switch(self, starter)
        self.extractors = Extractors(self, starter)
        self._loaded = False
        self._clock = clock
        self._on_ready = on_ready
        self._door = door
        self._questions = Questions()
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._desk = Desk(self, settings)
        self.selector = selectors.DefaultSelector()
        self.children: dict[RoleName, Child] = {"post": post.child}
        self._restarts: dict[ChildName, _Restarts] = {role: _Restarts() for role in roles}
        self.exchange = Exchange(self.selector, self._on_egress)
        self._web: Outbox | None = None
        self._control_line = ReportLine()
        self._mirror = Mirror(self.selector, self._questions)
        self._folded: int | None = None
        self._unread: list[Report] = []
        self._kill_at: float | None = None
        self._failure: NaesilError | None = None
        self.on_stop: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Start everything and return when everything has ended on request.

        Raises ConfigError when a child cannot start, Unavailable when what ended may be well at the next.
        """
        wake_read, wake_write = socket.socketpair()
        wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # the wake-up byte is what counts
        self.selector.register(wake_read, selectors.EVENT_READ, lambda: self._on_signal(wake_read))
        self._door.open(self.selector, self._desk.on_question)
        for child in self.children.values():
            self.attend(child)  # the post, which was there before us
        for role in self._restarts:
            self.start(role)
        while self.children or self._others() or self._waiting_restart():
            take_turn(self.selector, self._timeout())
            self._on_time()
        signal.set_wakeup_fd(-1)
        if self._failure is not None:
            raise self._failure

    def use_control(self, control: socket.socket) -> None:
        """Talk to a newly started web over this socket; it records what the last one never read."""
        unread = [*self._unread, *self._close_control()]
        self._unread = []
        self._web, self._control_line = Outbox(control, self._give_web_up), ReportLine()
        self.selector.register(control, selectors.EVENT_READ, self._on_control)
        for report in unread:
            self.tell_web(report)

    def tell_web(self, report: Report, descriptor: socket.socket | None = None) -> None:
        """Send a report to web, as soon as it listens; our copy of the descriptor is closed."""
        if self._web is not None:
            self._web.say(report, descriptor)
            self._listen_to_web()
        if descriptor is not None:
            descriptor.close()

    def answer_web(
        self, line: socket.socket, report: Report, /, descriptor: socket.socket | None = None
    ) -> None:
        """The same, but only to the web that asked over this line."""
        if self._web is not None and self._web.line is line:
            self.tell_web(report, descriptor)

    def is_asking(self, role: RoleName) -> bool:
        """Whether an answer of this process about itself is still to come."""
        return self._questions.waits_for(role)

    def _listen_to_web(self) -> None:
        if self._web is not None:
            more = selectors.EVENT_WRITE if self._web.pending else 0
            self.selector.modify(self._web.line, selectors.EVENT_READ | more, self._on_control)

    def _close_control(self) -> list[Report]:
        if self._web is None:
            return []
        self.selector.unregister(self._web.line)
        web, self._web = self._web, None
        return web.close()

    def _give_web_up(self) -> None:
        """It has not read for thousands of reports: its successor will."""
        log.error("web does not listen to the supervisor any more and is started again")
        if "web" in self.children:
            self.children["web"].process.kill()

    def ask(
        self,
        role: RoleName,
        what: str,
        body: msgspec.Raw,
        patience_s: float,
        on_answer: OnAnswer,
        descriptor: socket.socket | None = None,
    ) -> None:
        """Ask a child about itself over its status line; `on_answer` is called exactly once, by this loop."""
        child = self.children.get(role)
        if role == "supervisor":
            self._mirror.ask(what, body, self._clock.monotonic() + patience_s, on_answer)
        elif child is None:
            on_answer(None)
        else:
            self.ask_child(child, what, body, patience_s, on_answer, descriptor)

    def ask_child(
        self,
        child: Child,
        what: str,
        body: msgspec.Raw,
        patience_s: float,
        on_answer: OnAnswer,
        descriptor: socket.socket | None = None,
    ) -> None:
        """The same for one that is not, or no longer, its role's."""
        request = self._questions.new(child.role, self._clock.monotonic() + patience_s, on_answer)
        report = Report(process=child.role, request=request, ask=what, body=body)
        with contextlib.suppress(OSError):  # it just ended, or sleeps: its death or the time answers
            send_report(child.status, report, *(() if descriptor is None else (descriptor.fileno(),)))

    def ask_web(self, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer) -> None:
        """The same for web's services, over the control line: to record something, above all."""
        if self._web is None:
            on_answer(None)
            return
        request = self._questions.new("web", self._clock.monotonic() + patience_s, on_answer)
        self.tell_web(Report(request=request, ask=what, body=body))

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something in this loop after a while, unless we are stopping by then."""
        self._timers.append((self._clock.monotonic() + delay_s, act))

    @property
    def stopping(self) -> bool:
        return self._kill_at is not None

    def start(self, role: ChildName) -> None:
        """A child of this role, which is its role's from now on."""
        child = self._starter(role, self)
        self.children[role] = child
        record = self._restarts[role]
        record.started, record.due = self._clock.monotonic(), None
        self.attend(child)

    def _restart(self, role: ChildName) -> None:
        """Once more. Where its launcher is gone nobody can: then web drains, and the product ends."""
        try:
            self.start(role)
        except (ConfigError, Gone) as failure:
            self._stop(failure)
            return
        if role == "runtime":
            self.tell_web(Report(process=role, restarted=True))

    def attend(self, child: Child) -> None:
        """Hear what a child says and when it ends."""
        self.selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._on_death(child))
        self.selector.register(child.output, selectors.EVENT_READ, lambda: self._on_output(child))
        self.selector.register(child.status, selectors.EVENT_READ, lambda: self._on_status(child))

    def replace_runtime(self, child: Child) -> Child | None:
        """This one serves from now on; the one before it, if there was one."""
        old = self.children.get("runtime")
        self.children["runtime"] = child
        self._restarts["runtime"].due = None
        return old

    def _on_output(self, child: Child) -> None:
        data = _read(child.output.fileno())
        if data:
            sys.stderr.buffer.write(child.heard(data).encode())
            sys.stderr.buffer.flush()
        elif data is not None:
            self._forget(child.output)

    def _on_status(self, child: Child) -> None:
        data = _read(child.status.fileno())
        if data == b"":
            self._forget(child.status)
        for report in child.reports.feed(data or b""):
            child.error = report.error or child.error
            if report.request:
                self._questions.on_report(child.role, report)
            if report.ready:
                self._loaded = True
                self.switch.on_ready(child, report)
            child.thread = child.thread or report.thread
            if report.guard:
                child.guard = child.guard or report.detail  # what it says later it may say taken over
                log.info("%s is behind the guard: %s", child.role, report.guard)
                self.tell_web(report)

    def _on_control(self) -> None:
        web = self._web
        if web is None:
            return
        web.flush()
        self._listen_to_web()
        try:
            data, descriptors, _, _ = socket.recv_fds(web.line, READ_BYTES, MAX_DESCRIPTORS)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data, descriptors = b"", []  # web ended with reports of ours unread
        gifts = list(descriptors)
        for report in self._control_line.feed(data):
            if report.attach == "gate" and len(gifts) == MAX_DESCRIPTORS:
                self.exchange.watch(*gifts)
                gifts = []
            else:
                self._on_web(report, web.line)
        for number in gifts:  # a taken-over web may send anything
            os.close(number)
        if not data and self._web is web:
            self._unread += self._close_control()

    def _on_web(self, report: Report, line: socket.socket) -> None:
        if report.request and not report.ask:
            self._questions.on_report("web", report)
        elif report.ask:
            self._desk.on_web(report, line)
        if report.ready:
            self._on_ready(report)
            self._desk.begin()

    def _on_egress(self, event: EgressEvent) -> None:
        """Into the audit log, by way of web; a self-attack's own denials are counted in its entry instead."""
        log.debug("egress: %s %s %s %s", event.kind, event.call, event.address, event.reason)
        web = self.children.get("web")
        if self._folded is not None and event.kind == "deny" and web is not None and event.pid == web.thread:
            self._folded += event.count
        else:
            self.tell_web(Report(event=event))

    def fold_denials(self) -> None:
        """From now on what web's guard thread is denied is only counted."""
        self._folded = 0

    def unfold_denials(self, then: Callable[[int], None]) -> None:
        """Call with the count once the gate has told all."""

        def told() -> None:
            count, self._folded = self._folded or 0, None
            then(count)

        self.exchange.flush(told)

    def _on_death(self, child: Child) -> None:
        self._on_status(child)
        self._on_output(child)
        for source in (child.pidfd, child.output, child.status):
            self._forget(source)
        child.close()
        if self.switch.on_death(child) or self.extractors.on_death(child):
            return
        del self.children[child.role]
        self._questions.on_death(child.role)
        code = child.process.returncode
        if self._kill_at is not None:
            if child.role == "web":
                self._kill_at = min(self._kill_at, self._clock.monotonic() + FOLLOW_S)
                self._close_lines()
            return
        log.warning("%s ended with status %d", child.role, code)
        if child.role == "post":
            self._stop(Unavailable(POST_ENDED))
            return
        if child.error and not (child.role == "runtime" and self._loaded):
            kind = Unavailable if code == EXIT_UNAVAILABLE else ConfigError
            self._stop(kind("%(error)s", error=child.error))
            return
        self._schedule(child.role)

    def _schedule(self, role: ChildName) -> None:
        record = self._restarts[role]
        now = self._clock.monotonic()
        young = now - record.started < QUICK_DEATH_S
        record.quick_deaths = record.quick_deaths + 1 if young else 0
        if record.quick_deaths >= MAX_QUICK_DEATHS:
            self._stop(Unavailable(_keeps_ending(role), role=role))
            return
        record.due = now + 0.1 * 2**record.quick_deaths

    def _on_time(self) -> None:
        now = self._clock.monotonic()
        self._questions.on_time(now)
        if self._kill_at is not None:
            if now >= self._kill_at:
                for child in (*self.children.values(), *self._others()):
                    child.process.kill()
            return
        for role, record in self._restarts.items():
            if record.due is not None and now >= record.due and self._kill_at is None:
                self._restart(role)
        due, self._timers = _split(self._timers, now)
        for act in due:
            act()

    def _on_signal(self, wake: socket.socket) -> None:
        wake.recv(READ_BYTES)
        if self._kill_at is None:
            self._stop(None)
        else:
            self._kill_at = 0.0  # asked twice: do not wait any longer

    def _stop(self, failure: NaesilError | None) -> None:
        """Let web drain; the others end when it lets go of their socketpairs."""
        self.on_stop()
        self._failure = failure
        self.switch.stop()
        self.extractors.stop()
        self.exchange.flush(_told)
        self._kill_at = self._clock.monotonic() + (DRAIN_S if failure is None else FOLLOW_S)
        for child in self.children.values():
            if child.role == "web":
                child.process.send_signal(signal.SIGTERM)
        if "web" not in self.children:
            self._close_lines()

    def _close_lines(self) -> None:
        """Gate, broker and post go home."""
        self.exchange.close()
        self._post_line.close()

    def _others(self) -> list[Child]:
        """Processes that are not, or no longer, their role's."""
        return [*self.switch.children, *self.extractors.children]

    def _waiting_restart(self) -> bool:
        return self._kill_at is None and any(record.due is not None for record in self._restarts.values())

    def _timeout(self) -> float | None:
        times = [record.due for record in self._restarts.values() if record.due is not None]
        times += [due for due, _ in self._timers]
        if self._kill_at is not None:
            times = [self._kill_at]
        times += [due] if (due := self._questions.next_due()) is not None else []
        return max(0.0, min(times) - self._clock.monotonic()) if times else None

    def _forget(self, source: int | IO[bytes] | socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):  # its end was seen before
            self.selector.unregister(source)


def _told() -> None:
    """What the gate had only counted is on its way to web, which reads while it drains."""


def _split(
    timers: list[tuple[float, Callable[[], None]]], now: float
) -> tuple[list[Callable[[], None]], list[tuple[float, Callable[[], None]]]]:
    """What is due, and what is not yet."""
    return [act for due, act in timers if due <= now], [one for one in timers if one[0] > now]


def _read(descriptor: int) -> bytes | None:
    try:
        return os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""  # it ended with words of ours unread


def _keeps_ending(role: RoleName) -> str:
    if role == "runtime":
        return N_(
            "The model process keeps ending right after its start. The model file may be damaged or "
            "too large for this machine: run 'appliance doctor' and try another model."
        )
    return N_(
        "The %(role)s process keeps ending right after its start. Run 'appliance doctor' to find out why."
    )
