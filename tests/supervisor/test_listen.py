"""Who may be listened to, and how a failed bind reads."""

import socket
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Settings
from appliance.errors import ConfigError
from appliance.supervisor import listen


def settings(**values: Any) -> Settings:
    return Settings(data=Path("/nowhere"), **values)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_tls(host: str) -> None:
    listen.check_exposure(settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.5", "office.example"])  # noqa: S104 - the point
def test_anything_beyond_loopback_in_clear_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="--tls-self-signed"):
        listen.check_exposure(settings(host=host))


def test_tls_or_a_proxy_opens_the_network() -> None:
    listen.check_exposure(settings(host="0.0.0.0", tls_self_signed=True))  # noqa: S104 - the point
    listen.check_exposure(settings(host="0.0.0.0", behind_proxy=True))  # noqa: S104 - the point


def test_half_a_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both"):
        listen.check_exposure(settings(tls_cert=tmp_path / "cert.pem"))


def test_the_socket_says_it_is_tcp_so_that_replies_are_not_delayed() -> None:
    with listen.open_socket(settings(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_in_use_says_so() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(ConfigError, match="in use"),
    ):
        listen.open_socket(settings(port=other.getsockname()[1]))


def test_an_address_of_another_machine_says_so() -> None:
    with pytest.raises(ConfigError, match="does not have that address"):
        listen.open_socket(settings(host="192.0.2.1"))


def test_an_ipv6_address_is_bracketed_in_its_url() -> None:
    assert listen.url(settings(host="::1"), 8080) == "http://[::1]:8080"
