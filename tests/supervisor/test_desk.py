"""What the desk makes of the processes' answers: believed unless the outside contradicts, always recorded."""

import json
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from appliance.audit.actions import AuditAction
from appliance.config import Settings
from appliance.core import Outcome
from appliance.egress import attestation, facts
from appliance.egress.attacks.targets import Targets
from appliance.egress.outside import Outside
from appliance.egress.probe import CARRIES, TECHNIQUES, Row
from appliance.egress.proving import ProbeResult
from appliance.supervisor.children import Child
from appliance.supervisor.desk import DAY_S, HEARTBEAT_S, NOT_RECORDED, NOT_SIGNED, SETTLED_S, Desk
from appliance.supervisor.findings import Found, Heartbeat, Probed, Signed
from appliance.supervisor.launching import Launching
from appliance.supervisor.proofs import entry_for
from appliance.supervisor.questions import OnAnswer
from appliance.supervisor.selfattack import OFFICE
from appliance.supervisor.spec import Report, RoleName
from appliance.supervisor.starters import Starters
from appliance.tlog.note import Signer

Answer = Callable[[dict[str, Any]], Any]
GONE = object()


def blocked(order: dict[str, Any]) -> Any:
    return {"technique": order["technique"], "outcome": "blocked", "layer": "system calls"}


class FakeLauncher:
    """Opens doors that nobody misuses; its own attacks are stopped."""

    def open_door(self) -> tuple[int, socket.socket]:
        return 1, socket.socket(socket.AF_INET)

    def close_door(self) -> str:
        return ""

    def attack(self, techniques: tuple[str, ...], _targets: Targets) -> tuple[Row, ...]:
        return tuple(Row(name, "blocked", "system calls") for name in techniques)

    def itself(self) -> tuple[facts.Facts, str]:
        return facts.read_own(), ""


class FakeStaff:
    """A supervisor with two processes that answer at once; `attack` says how, GONE means that it ended."""

    def __init__(self, attack: Answer, place: Path) -> None:
        self.starters = Starters(cast(Launching, FakeLauncher()), machine=Targets())
        self._outside: Outside | None = None
        self._place = place
        self.stopping = False
        self.recorded: list[Found] = []
        self.records = True
        self.signs = True
        self.switch = cast(Any, SimpleNamespace(children=[]))
        self.extractors = cast(Any, SimpleNamespace(children=[]))
        self.timers: list[float] = []
        self._attack = attack
        child = SimpleNamespace(role="web", process=SimpleNamespace(pid=1, look=lambda: None), guard="")
        self.children: Mapping[RoleName, Child] = {"web": cast(Child, child), "sealer": cast(Child, child)}

    def ask(
        self,
        role: RoleName,
        what: str,
        body: msgspec.Raw,
        _patience_s: float,
        on_answer: OnAnswer,
        descriptor: socket.socket | None = None,
    ) -> None:
        assert descriptor is None or role == "web"
        if what == "listen":
            self._outside = Outside(self._place, self._place)
            on_answer(self._raw(self._outside.targets()))
        elif what == "stop-listening":
            on_answer(self._raw(self._stop_listening()))
        elif what == "attest":
            note = Signer("naesil.log/test", bytes(32)).sign(msgspec.json.decode(body))
            on_answer(self._raw(note if self.signs else None))
        else:
            answer = self._attack(json.loads(bytes(body)) | {"role": role})
            if answer is GONE:
                self.children = {name: one for name, one in self.children.items() if name != role}
            on_answer(None if answer in (GONE, None) else self._raw(answer))

    def ask_child(
        self,
        child: Child,
        what: str,
        _body: msgspec.Raw,
        _patience_s: float,
        on_answer: OnAnswer,
        _descriptor: socket.socket | None = None,
    ) -> None:
        assert (child.role, what) == ("web", "facts")
        on_answer(None)

    def ask_web(self, what: str, body: msgspec.Raw, _patience_s: float, on_answer: OnAnswer) -> None:
        assert what == "record"
        self.recorded.append(msgspec.json.decode(body, type=Found))
        on_answer(self._raw("entry") if self.records else None)

    def answer_web(self, _line: socket.socket, report: Report, /) -> None:
        raise AssertionError(report)

    def fold_denials(self) -> None:
        self.folding = True

    def unfold_denials(self, then: Callable[[int], None]) -> None:
        assert self.folding
        then(7)

    def _stop_listening(self) -> str:
        assert self._outside is not None
        self._outside.pump()
        heard = b"".join(self._outside.heard).decode()
        self._outside.close()
        return heard

    def later(self, delay_s: float, _act: Callable[[], None]) -> None:
        self.timers.append(delay_s)

    @staticmethod
    def _raw(value: Any) -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))


@pytest.fixture
def probe(tmp_path: Path) -> Callable[[Answer], tuple[FakeStaff, Any]]:
    """Run a self-attack over such a staff; the staff and the result, or the refusal."""

    def run(attack: Answer) -> tuple[FakeStaff, Any]:
        staff, answers = FakeStaff(attack, tmp_path), list[Any]()
        _desk(staff, tmp_path).probe("test", answers.append, answers.append)
        assert len(answers) == 1
        return staff, answers[0]

    return run


def _desk(staff: FakeStaff, data: Path) -> Desk:
    settings = Settings(data=data)
    settings.run_folder.mkdir(exist_ok=True)
    return Desk(staff, settings)


Probe = Callable[[Answer], tuple[FakeStaff, ProbeResult]]


def test_every_technique_is_tried_in_every_process(probe: Probe) -> None:
    staff, result = probe(blocked)
    assert result.ok
    tried = {(row.process, row.technique) for row in result.rows}
    own = {(role, name) for role in ("web", "sealer", "supervisor") for name in OFFICE.get(role, ())}
    carried = {("launcher", name) for name in set(CARRIES) - OFFICE["launcher"]}
    assert (
        tried
        == carried | {(role, name) for role in ("web", "sealer", "supervisor") for name in TECHNIQUES} - own
    )
    assert isinstance(staff.recorded[0], Probed)


def test_one_leak_is_enough(probe: Probe) -> None:
    def leak(order: dict[str, Any]) -> Any:
        return blocked(order) | ({"outcome": "LEAKED"} if order["technique"] == "tcp_connect" else {})

    staff, result = probe(leak)
    assert not result.ok
    assert [(row.process, row.technique) for row in result.leaks] == [
        ("web", "tcp_connect"),
        ("sealer", "tcp_connect"),
        ("supervisor", "tcp_connect"),
    ]
    entry = entry_for(staff.recorded[0], "")
    assert (entry.action, entry.outcome) == (AuditAction.EGRESS_PROBED, Outcome.FAILED)
    assert "web:tcp_connect" in entry.reason


def test_what_somebody_outside_heard_has_leaked_whatever_the_process_says(probe: Probe) -> None:
    def lie(order: dict[str, Any]) -> Any:
        if order["technique"] == "udp_sendto" and order["role"] == "web":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(order["targets"]["message"].encode(), ("127.0.0.1", order["targets"]["udp"]))
        return blocked(order)

    _, result = probe(lie)
    assert not result.ok
    assert [(row.technique, row.layer) for row in result.leaks] == [("udp_sendto", "heard outside")]


def test_a_process_that_ended_on_the_way_counts_as_a_leak_and_a_busy_one_does_not(probe: Probe) -> None:
    _, gone = probe(lambda order: GONE if order["technique"] == "execute" else blocked(order))
    assert {row.layer for row in gone.leaks} == {"the process ended"}
    _, busy = probe(lambda order: None if order["technique"] == "execute" else blocked(order))
    assert busy.ok
    assert any("no answer" in row.layer for row in busy.void)


def test_a_process_without_the_wall_of_system_calls_is_not_attacked_and_counts_as_open(
    tmp_path: Path,
) -> None:
    def never(order: dict[str, Any]) -> Any:
        raise AssertionError(order["technique"])

    staff, answers = FakeStaff(never, tmp_path), list[Any]()
    guard = json.dumps({"layers": [{"name": "system calls", "active": False}]})
    staff.starters = replace(staff.starters, guard=guard)
    for child in staff.children.values():
        child.guard = guard
    _desk(staff, tmp_path).probe("test", answers.append, answers.append)
    assert not answers[0].ok
    assert {row.process for row in answers[0].leaks} == {"web", "sealer", "supervisor"}


@pytest.mark.parametrize("nonsense", ["LEAKED", 7, [], {"outcome": "fine"}, {"technique": "x"}])
def test_nonsense_from_a_taken_over_process_is_no_answer(probe: Probe, nonsense: Any) -> None:
    _, result = probe(lambda _: nonsense)
    assert all("no answer" in row.layer for row in result.void)
    assert {row.process for row in result.rows} == {"launcher"}


def test_a_finding_that_cannot_be_recorded_is_a_failure(tmp_path: Path) -> None:
    staff, answers = FakeStaff(blocked, tmp_path), list[Any]()
    staff.records = False
    desk = _desk(staff, tmp_path)
    desk.probe("test", lambda _: answers.append("done"), answers.append)
    desk.attest(lambda _: answers.append("done"), answers.append)
    assert answers == [NOT_RECORDED, NOT_RECORDED]


def test_an_attestation_is_what_was_found_and_signed_by_the_sealer(tmp_path: Path) -> None:
    staff, answers = FakeStaff(blocked, tmp_path), list[Any]()
    _desk(staff, tmp_path).attest(answers.append, answers.append)
    values = attestation.check(answers[0]["note"], Signer("naesil.log/test", bytes(32)).verifier)
    assert (values["leaked"], answers[0]["entry"]) == ("0", "entry")
    found = staff.recorded[0]
    assert isinstance(found, Signed)
    assert entry_for(found, "").action == AuditAction.EGRESS_ATTESTED


def test_without_the_sealer_there_is_no_attestation(tmp_path: Path) -> None:
    staff, answers = FakeStaff(blocked, tmp_path), list[Any]()
    staff.signs = False
    _desk(staff, tmp_path).attest(answers.append, answers.append)
    assert answers == [NOT_SIGNED]


def test_it_proves_itself_at_the_start_each_day_and_each_minute(tmp_path: Path) -> None:
    staff = FakeStaff(blocked, tmp_path)
    desk = _desk(staff, tmp_path)
    desk.begin()
    assert staff.timers == [SETTLED_S, HEARTBEAT_S, DAY_S]
    desk._on_minute()
    found = staff.recorded[0]
    assert isinstance(found, Heartbeat)
    entry = entry_for(found, "grants=0 denials=3")
    assert entry.action == AuditAction.EGRESS_HEARTBEAT
    assert "denials=3" in entry.reason


@pytest.fixture(autouse=True)
def _no_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    place = tmp_path / "outside"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert list(place.iterdir()) == []
