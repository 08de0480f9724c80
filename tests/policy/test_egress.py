"""egress.yaml: what is one host and one port, and what is refused with its line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.policy import app
from appliance.policy.destinations import load_destinations
from appliance.policy.documents import PolicyError, check, load

DESTINATION = """
destinations:
  - name: directory
    host: {host}
    port: {port}
    protocol: ldaps
    purpose: sign-in
    approver: CISO
"""
HOST_LINE, PORT_LINE = 4, 5


def own(tmp_path: Path, host: object = "ldap.corp.example", port: object = 636, more: str = "") -> Path:
    """A policies folder of one's own with an egress.yaml alone."""
    folder = tmp_path / "own"
    folder.mkdir(exist_ok=True)
    text = "version: 1" + DESTINATION.format(host=host, port=port) + more
    (folder / "egress.yaml").write_text(text, "utf-8")
    return folder


def lookup(_host: str, _port: int) -> tuple[tuple[str, ...], str]:
    return ("10.1.2.3", "fd00::3"), "ldap1.corp.example"


def test_as_shipped_nothing_may_be_dialled(folder: Path) -> None:
    egress, destinations = load_destinations(folder)
    assert destinations == ()
    assert egress.minimum_level == "kernel"
    assert "openai.com" in egress.always_denied


def test_a_destination_carries_its_addresses(folder: Path, tmp_path: Path) -> None:
    _, (found,) = load_destinations(folder, own(tmp_path, "LDAP.corp.example."), lookup)
    assert (found.host, found.port, found.addresses) == ("ldap.corp.example", 636, ("10.1.2.3", "fd00::3"))


BAD_HOSTS = (
    ("'*.corp.example'", "wildcard"),
    ("'*'", "wildcard"),
    ("api.openai.com", "public AI service"),
    ("API.OpenAI.com.", "public AI service"),
    ("eu.api.anthropic.com", "public AI service"),
    ("https://ldap.corp.example", "one host"),
    ("ldap.corp.example:636", "neither"),
    ("'user@ldap.corp.example'", "one host"),
    ("ldap.corp.example/path", "one host"),
    ('"a.example\\r\\nHost: b"', "neither"),
    ("한국.example", "one host"),
    ("''", "one host"),
    ("a..example", "one host"),
    ("-a.example", "one host"),
    ("a" * 64 + ".example", "one host"),
    ("a." * 200 + "example", "at most 253"),
    ("10.0.0.0/8", "one host"),
    ("'127.1'", "neither"),
    ("0x7f.0.0.1", "neither"),
    ("'2130706433'", "neither"),
    ("10.0.0.1-10.0.0.9", "neither"),
    ("169.254.169.254", "link-local"),
    ("0.0.0.0", "not one machine"),  # noqa: S104 - an address that must be refused
    ("'224.0.0.1'", "not one machine"),
    ("'::ffff:10.0.0.1'", "as IPv4"),
    ("'fe80::1'", "link-local"),
)


@pytest.mark.parametrize(("host", "reason"), BAD_HOSTS)
def test_what_is_not_one_host_is_refused_with_its_line(
    folder: Path, tmp_path: Path, host: str, reason: str
) -> None:
    with pytest.raises(PolicyError, match=reason) as caught:
        load(folder, own(tmp_path, host))
    assert caught.value.line == HOST_LINE
    assert f"egress.yaml, line {HOST_LINE}" in str(caught.value)


@pytest.mark.parametrize("port", ["'8000-9000'", "8000-9000", "'*'", "[80, 443]", "0", "65536", "-1", "1.5"])
def test_what_is_not_one_port_is_refused_with_its_line(folder: Path, tmp_path: Path, port: str) -> None:
    with pytest.raises(PolicyError, match="port") as caught:
        load(folder, own(tmp_path, port=port))
    assert caught.value.line == PORT_LINE


def test_a_file_of_ones_own_cannot_shorten_the_list_of_public_ai_services(
    folder: Path, tmp_path: Path
) -> None:
    override = own(tmp_path, "api.openai.com", more="\nalways_denied: [intranet-ai.example]\n")
    assert "public AI service" in str(check(folder, override)[1][0])
    override = own(tmp_path, "x.intranet-ai.example", more="\nalways_denied: [intranet-ai.example]\n")
    assert "public AI service" in str(check(folder, override)[1][0])


def nowhere(_host: str, _port: int) -> tuple[tuple[str, ...], str]:
    raise OSError


@pytest.mark.parametrize(
    ("addresses", "canonical", "reason"),
    [
        (None, "", "has no address here"),
        ((), "", "has no address here"),
        (("10.1.2.3",), "edge.api.openai.com", "another name of a public AI service"),
        (("10.1.2.3", "169.254.169.254"), "", "cannot be dialled"),
        (("127.0.0.1",), "", "this machine itself"),
    ],
)
def test_a_name_that_leads_nowhere_good_is_refused_with_its_line(
    folder: Path, tmp_path: Path, addresses: tuple[str, ...] | None, canonical: str, reason: str
) -> None:
    def answer(host: str, port: int) -> tuple[tuple[str, ...], str]:
        return nowhere(host, port) if addresses is None else (addresses, canonical)

    with pytest.raises(PolicyError, match=reason) as caught:
        load_destinations(folder, own(tmp_path), answer)
    assert caught.value.line == HOST_LINE


def test_the_revision_follows_the_destinations(folder: Path, tmp_path: Path) -> None:
    assert load(folder).revision != load(folder, own(tmp_path)).revision


def test_the_command_refuses_a_name_that_this_machine_cannot_resolve(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(own(tmp_path, "nowhere.invalid"))])
    assert result.exit_code == 1
    assert f"egress.yaml, line {HOST_LINE}: nowhere.invalid" in result.stderr
