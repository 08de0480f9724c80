"""The closed jail as the kernel shows it, what it reports where a wall is missing, and what still works."""

import json
import os
import signal
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from appliance.egress import jail
from appliance.egress.logfolder import read_verifier
from appliance.egress.profiles import NULL, runtime_profile
from appliance.egress.sealer import SealerClient
from appliance.errors import ConfigError
from tests.egress.conftest import Locked, start

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("role", ["runtime", "web", "sealer"])
def test_every_wall_stands_on_this_kernel(locked: Locked, data: Path, role: str) -> None:
    report = locked("report", role=role, data=str(data), given=[], refused=[])
    assert report["level"] == "kernel"
    assert [layer for layer in report["layers"] if not layer["active"]] == []


@pytest.mark.parametrize(
    ("refused", "level", "missing"),
    [
        (["unshare"], "partial", {"network namespace", "private root"}),
        (["mount"], "partial", {"private root"}),
        (["landlock_create_ruleset"], "partial", {"files"}),
        (["seccomp"], "partial", {"system calls"}),
        (["seccomp", "unshare"], "off", {"system calls", "network namespace", "private root"}),
    ],
)
def test_a_wall_the_kernel_refuses_is_reported(
    locked: Locked, data: Path, refused: list[str], level: str, missing: set[str]
) -> None:
    report = locked("report", role="web", data=str(data), given=[], refused=refused)
    assert report["level"] == level
    layers = {layer["name"]: layer for layer in report["layers"] if layer["required"]}
    assert {name for name, layer in layers.items() if not layer["active"]} == missing
    assert all(layer["detail"] for layer in layers.values())


def test_the_kernel_confirms_it(locked: Locked) -> None:
    status = locked("status")
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["Umask"] == "0077"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_owner_of_the_data_for_good(locked: Locked, data: Path) -> None:
    for path in (data, *data.rglob("*")):
        os.chown(path, 61999, 61998)
    found = locked("become", role="web", data=str(data), user=[61999, 61998])
    assert found == [[61999] * 3, [61998] * 3, [], "0" * 16, "0" * 16]
    assert (data / "written").stat().st_uid == 61999


def test_web_sees_of_the_keys_only_the_root_key_and_the_sealer_all_but_it(locked: Locked, data: Path) -> None:
    root, log = str(data / "keys" / "root.key"), str(data / "keys" / "log.key")
    assert locked("see", role="web", data=str(data), paths=[root, log]) == {
        root: "root.key",
        log: "FileNotFoundError",
    }
    assert locked("see", role="sealer", data=str(data), paths=[root, log]) == {root: "", log: "log.key"}


def test_a_data_folder_inside_the_checkout_is_seen_no_more_than_elsewhere(locked: Locked) -> None:
    """`make run` keeps it there, and the checkout is on Python's path."""
    with TemporaryDirectory(dir=CHECKOUT, prefix=".inside-") as name:
        keys = Path(name) / "keys"
        keys.mkdir()
        (keys / "root.key").write_text("root.key")
        paths = [str(keys / "root.key"), str(CHECKOUT / "pyproject.toml")]
        for role, key in (("web", "root.key"), ("sealer", ""), ("runtime", "FileNotFoundError")):
            seen = locked("see", role=role, data=name if role != "runtime" else "/dev/null", paths=paths)
            assert list(seen.values()) == [key, "FileNotFoundError"], role


@pytest.mark.parametrize(
    ("role", "own"),
    [
        ("gate", set[str]()),
        ("broker", set()),
        ("extractor", set()),
        ("runtime", {"models/m.gguf"}),
        ("sealer", {"keys/log.key"}),
        ("post", {"run/probe/socket"}),
        ("supervisor", {"models/m.gguf", "policies/egress.yaml", "run/probe/socket"}),
    ],
)
def test_whatever_lies_around_the_data_folder_each_process_sees_its_own_part_alone(
    locked: Locked, tmp_path: Path, role: str, own: set[str]
) -> None:
    """As where people put it into the folder of the virtual environment, or call `python -m` in it."""
    data = tmp_path / "data"
    for name in (*own, "keys/root.key", "keys/tls.key", "keys/log.key", "naesil.db", "config.toml"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "beside").write_text("in sight")
    names = [str(path) for path in data.rglob("*") if path.is_file()]
    paths = [*names, str(tmp_path / "beside"), "/proc/1/comm"]
    seen = locked("see_as", role=role, data=str(data), paths=paths)
    assert seen.pop(str(tmp_path / "beside")) == "in sight"
    assert seen.pop("/proc/1/comm") == "FileNotFoundError"
    assert {str(Path(path).relative_to(data)) for path, what in seen.items() if what == "x"} == own


def test_the_folder_the_product_is_called_in_is_shown_to_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`python -m appliance` puts it on Python's path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    assert tmp_path not in runtime_profile(NULL, ()).readable


def test_the_post_listens_behind_its_jail_wherever_an_attack_may_aim(locked: Locked, tmp_path: Path) -> None:
    """An attack on a place where nobody listens would be blocked without proving anything."""
    data, folder = tmp_path / "data", tmp_path / "outside"
    (data / "run" / "probe").mkdir(parents=True)
    folder.mkdir()
    targets = locked("listen", data=str(data), folder=str(folder))
    aims = ("tcp", "tcp6", "udp", "udp6", "stream_path", "datagram_path", "packet_path", "abstract", "giver")
    assert [name for name in aims if not targets[name]] == []


def test_web_cannot_change_what_rules_it_at_the_next_start(locked: Locked, data: Path) -> None:
    (data / "policies").mkdir()
    (data / "config.toml").write_text("")
    ruling = [str(data / "policies" / "egress.yaml"), str(data / "config.toml")]
    found = locked("write", role="web", data=str(data), paths=[*ruling, str(data / "naesil.db")])
    assert found == dict.fromkeys(ruling, "OSError") | {str(data / "naesil.db"): "written"}


def test_a_link_on_the_way_to_the_data_folder_is_followed(locked: Locked, data: Path, tmp_path: Path) -> None:
    way = tmp_path / "way"
    way.symlink_to(data)
    path = str(way / "keys" / "root.key")
    assert locked("see", role="web", data=str(way), paths=[path]) == {path: "root.key"}


def test_threads_work_and_a_second_process_does_not(locked: Locked) -> None:
    assert locked("threads") == [[0, 1, 4, 9, 16, 25, 36, 49], "tick"]


def test_a_process_with_threads_or_open_files_is_not_locked_half() -> None:
    """This test's own process is such a one, so closing its jail must fail before it changes anything."""
    with socket.socket(), pytest.raises(ConfigError):
        jail.close(runtime_profile(NULL, ()))
    assert "NoNewPrivs:\t0" in Path("/proc/self/status").read_text("ascii")


def test_the_real_model_answers_behind_the_runtimes_jail(locked: Locked, embedded_model: Path) -> None:
    assert "Paris" in locked("generate", model=str(embedded_model))


def test_an_application_serves_behind_webs_jail(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        arguments = {"data": str(data), "listener": listener.fileno()}
        process = start("serve", arguments, [listener.fileno()])
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for _ in range(3):
            assert client.post("/notes").json() == {"kept": "yes"}
        assert client.get("/notes").json() == {"notes": 3}
    process.send_signal(signal.SIGTERM)
    _, problems = process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM), problems
    assert oct((data / "notes.db").stat().st_mode)[-3:] == "600"


def test_the_sealer_answers_behind_its_jail(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    ours, theirs = socket.socketpair()
    with theirs:
        process = start("seal", {"data": str(tmp_path), "peer": theirs.fileno()}, [theirs.fileno()])
    head = SealerClient(ours).head()
    assert head.size == 0
    assert read_verifier(keys) is not None
    ours.close()
    answer, problems = process.communicate(timeout=30)
    assert json.loads(answer) == "done", problems
