"""Serving over TLS with a certificate of our own: what is spoken, and that nothing else is."""

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.journeys.product import Product, init
from tests.journeys.test_resilience import wait_for


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_certificate_of_our_own_is_served_by_new_tls_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    product = Product(data, "--tls-self-signed")
    try:
        assert product.url.startswith("https://")
        trust = ssl.create_default_context(cafile=data / "keys" / "tls.crt")
        with httpx.Client(base_url=product.url, verify=trust) as client:
            wait_for(lambda: client.get("/health").status_code == 200)
            page = client.get("/sign-in")
        assert page.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert page.headers["set-cookie"].startswith("__Host-naesil-visitor=")
        assert "; Secure" in page.headers["set-cookie"]

        assert handshake(product, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
        assert handshake(product, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        assert handshake(product, ssl.TLSVersion.TLSv1_1) == "refused"
        for weak in ("AES128-SHA256:AES256-GCM-SHA384", "eNULL", "aNULL"):
            assert handshake(product, ssl.TLSVersion.TLSv1_2, weak) == "refused", weak
        assert b"HTTP" not in in_clear(product)
    finally:
        assert product.stop() == 0


def handshake(product: Product, version: ssl.TLSVersion, ciphers: str = "ALL") -> str:
    """The version that was agreed on by a client that knows this one and these ciphers alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(place(product)) as plain, context.wrap_socket(plain) as secure:
            return str(secure.version())
    except (ssl.SSLError, ConnectionResetError):
        return "refused"


def in_clear(product: Product) -> bytes:
    """What somebody hears who speaks no TLS."""
    with socket.create_connection(place(product)) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return plain.recv(4096)
        except ConnectionResetError:
            return b""


def place(product: Product) -> tuple[str, int]:
    address = urlsplit(product.url)
    assert address.hostname is not None
    assert address.port is not None
    return address.hostname, address.port
