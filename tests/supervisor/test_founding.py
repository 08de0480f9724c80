"""Names are asked for once, by the broker's keeper; what anybody says later moves nothing."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from appliance.config import Settings
from appliance.egress import facts
from appliance.egress.attacks.targets import Targets
from appliance.errors import ConfigError
from appliance.policy.yaml_text import PolicyError
from appliance.protocol.egress import Destination
from appliance.supervisor import children, founding
from appliance.supervisor.launcher import Launcher
from appliance.supervisor.launching import Launching
from appliance.supervisor.orders import Start
from appliance.supervisor.spec import ChildSpec

POLICY = """version: 1
destinations:
  - name: directory
    host: ldap.corp.example
    port: 636
    protocol: ldaps
    purpose: tests
    approver: tests
"""


@pytest.fixture
def ground(tmp_path: Path) -> founding.Ground:
    settings = Settings(data=tmp_path, guard="kernel")
    settings.policies_folder.mkdir()
    (settings.policies_folder / "egress.yaml").write_text(POLICY, "utf-8")
    return founding.Ground(settings, None, facts.host_namespaces())


def keep(ground: founding.Ground, lookup: Any) -> Any:
    return founding.start_keeper(ground, founding.read_outward(ground.settings), lookup)


def test_the_keeper_pins_what_it_was_told_and_is_locked_to_that_port(ground: founding.Ground) -> None:
    keeper, (found,) = keep(ground, lambda host, _port: (("192.0.2.7",), host))
    assert (found.addresses, found.port) == (("192.0.2.7",), 636)
    seen, guard = keeper.itself()
    assert (seen.seccomp_mode, seen.no_new_privs) == (2, True)
    assert "ports 636" in guard
    assert {sock.kind for sock in seen.sockets} <= {"pair", "other"}
    keeper.close()
    os.wait()


@pytest.mark.parametrize(
    "answer",
    [OSError("no such name"), (("127.0.0.1",), "ldap.corp.example"), (("192.0.2.7",), "api.openai.com")],
)
def test_a_name_that_cannot_be_dialled_is_refused_with_its_line(ground: founding.Ground, answer: Any) -> None:
    def lookup(_host: str, _port: int) -> Any:
        if isinstance(answer, OSError):
            raise answer
        return answer

    with pytest.raises(PolicyError, match="line 4"):
        keep(ground, lookup)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ChildSpec]:
    """What the launcher under test would have started."""
    started: list[ChildSpec] = []

    def spawn(spec: ChildSpec, _output: int) -> Any:
        started.append(spec)
        return SimpleNamespace(pid=1)

    monkeypatch.setattr(children, "spawn", spawn)
    return started


def test_an_order_to_start_a_broker_does_not_say_where_it_may_dial(
    tmp_path: Path, started: list[ChildSpec]
) -> None:
    pinned = Destination("directory", "ldap.corp.example", 636, "ldaps", ("192.0.2.7",))
    rebound = msgspec.structs.replace(pinned, addresses=("203.0.113.9",))
    line, other = founding.pair()
    with line, other:
        spec = ChildSpec(
            role="broker", settings=Settings(data=tmp_path), status=1, peer=2, destinations=(rebound,)
        )
        Launcher(line, tmp_path, None, None, pins=(pinned,)).start(Start(spec), [10, 11, 12])
    assert started[0].destinations == (pinned,)
    assert started[0].descriptors() == (11, 12)


def test_an_order_says_neither_whom_a_child_becomes_nor_over_which_folder_it_works(
    tmp_path: Path, started: list[ChildSpec]
) -> None:
    """A taken-over supervisor could have a web process write anywhere, as root."""
    line, other = founding.pair()
    with line, other:
        launcher = Launcher(line, tmp_path, (61999, 61998), None)
        spec = ChildSpec(role="web", settings=Settings(data=tmp_path), status=1, peer=2, user=None)
        launcher.start(Start(spec), [10, 11, 12])
        assert started.pop().user == (61999, 61998)
        for folder in (Path("/"), tmp_path / "..", tmp_path / "keys"):
            elsewhere = msgspec.structs.replace(spec, settings=Settings(data=folder))
            with pytest.raises(ValueError, match="not our data folder"):
                launcher.start(Start(elsewhere), [10, 11, 12])
    assert started == []


def test_a_launcher_tries_on_itself_no_attack_that_changes_files(tmp_path: Path) -> None:
    """It may be root: what no jailed process can do would be done."""
    (tmp_path / "removed").write_text("keep")
    ours, theirs = founding.pair()
    launcher = threading.Thread(target=Launcher(theirs, tmp_path, None, None).run)
    launcher.start()
    with ours, pytest.raises(ConfigError, match="not an attack on a launcher"):
        Launching(ours).attack(("tcp_connect", "remove_outside"), Targets(precious=str(tmp_path)))
    launcher.join()
    theirs.close()
    assert (tmp_path / "removed").read_text() == "keep"
