"""The outer wall's files, read by the programs they are for where those are installed."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.egress import app
from appliance.cli.main import EXIT_UNAVAILABLE, EXIT_USAGE
from appliance.egress.rules import Site, name_servers, table, unit
from appliance.protocol.egress import Destination

LDAP = Destination("directory", "ldap.corp.example", 636, "ldaps", ("10.1.2.3", "fd00::3"))
LOCAL = Destination("model", "127.0.0.1", 8000, "http", ("127.0.0.1",))
SITE = Site(
    program=Path("/opt/naesil/.venv/bin/appliance"),
    data=Path("/srv/naesil data"),
    user="daemon",
    destinations=(LDAP, LOCAL),
    name_servers=("10.1.0.53",),
    libraries=(Path("/opt/naesil"),),
)


def accepted(site: Site) -> list[str]:
    lines = [line.strip() for line in table(site).splitlines()]
    return [line.split(" accept")[0] for line in lines if " accept" in line and line.startswith("ip")]


def test_only_what_is_named_leaves() -> None:
    assert accepted(SITE) == [
        "ip daddr 10.1.2.3 tcp dport 636",
        "ip6 daddr fd00::3 tcp dport 636",
        "ip daddr 127.0.0.1 tcp dport 8000",
        "ip daddr 10.1.0.53 udp dport 53",
        "ip daddr 10.1.0.53 tcp dport 53",
    ]


def test_where_no_name_is_named_no_name_server_is_asked() -> None:
    assert accepted(replace(SITE, destinations=(LOCAL,))) == ["ip daddr 127.0.0.1 tcp dport 8000"]
    assert accepted(replace(SITE, destinations=())) == []


def test_name_servers_are_read_as_addresses_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 10.1.0.53\nnameserver ::1\nnameserver evil;accept\nsearch a.b\n")
    assert name_servers(file) == ("10.1.0.53", "::1")
    assert name_servers(tmp_path / "missing") == ()


def test_the_firewall_takes_the_table(tmp_path: Path) -> None:
    program = shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin")
    if program is None:
        pytest.skip("nftables is not installed")
    file = tmp_path / "naesil.nft"
    for site in (SITE, replace(SITE, destinations=())):
        file.write_text(table(site))
        done = subprocess.run([program, "-c", "-f", str(file)], capture_output=True, text=True, check=False)
        if "Operation not permitted" in done.stderr or "not supported" in done.stderr:
            pytest.skip("this kernel lets nobody check a table")
        assert done.returncode == 0, done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    file = tmp_path / "naesil.service"
    file.write_text(unit(replace(SITE, program=Path("/bin/true"))))
    done = subprocess.run([program, "verify", str(file)], capture_output=True, text=True, check=False)
    assert str(file) not in done.stderr, done.stderr
    assert 'serve --data "/srv/naesil data"' in file.read_text()


def test_what_only_a_person_can_mend_is_not_tried_again_for_ever() -> None:
    lines = unit(SITE).splitlines()
    assert "Restart=on-failure" in lines
    assert f"RestartPreventExitStatus={EXIT_USAGE}" in lines
    assert EXIT_UNAVAILABLE != EXIT_USAGE


def test_the_command_writes_both_files_for_the_policy_in_force(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "policies").mkdir(parents=True)
    (data / "policies" / "egress.yaml").write_text(
        "version: 1\ndestinations:\n  - {name: model, host: 127.0.0.1, port: 8000, protocol: http, "
        "purpose: model, approver: CISO}\n"
    )
    result = CliRunner().invoke(app, ["rules", "--data", str(data), "--out", str(tmp_path / "rules")])
    assert result.exit_code == 0, result.output  # the folder that the guide names need not be there
    assert "ip daddr 127.0.0.1 tcp dport 8000 accept" in (tmp_path / "rules" / "naesil.nft").read_text()
    assert f"ReadWritePaths={data}" in (tmp_path / "rules" / "naesil.service").read_text()
    printed = CliRunner().invoke(app, ["rules", "--data", str(data)]).stdout
    assert "[Service]" in printed
    assert "table inet naesil" in printed
