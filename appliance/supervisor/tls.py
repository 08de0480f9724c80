"""Certificates for --tls-self-signed: made once, kept in keys/, remade before they expire."""

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.clock import Clock
from appliance.config import Settings

VALID_DAYS = 397
RENEW_DAYS = 30


def self_signed(settings: Settings, clock: Clock) -> tuple[Path, Path]:
    """Paths of the certificate and key for this host, made when missing or nearly over."""
    cert_path, key_path = settings.keys_folder / "tls.crt", settings.keys_folder / "tls.key"
    if not _good(cert_path, settings.host, clock):
        _make(cert_path, key_path, settings.host, clock)
    return cert_path, key_path


def valid_until(cert_path: Path) -> datetime.datetime:
    """When the first certificate of a PEM file ends (UTC). ValueError when there is none in it."""
    return x509.load_pem_x509_certificate(cert_path.read_bytes()).not_valid_after_utc


def _good(cert_path: Path, host: str, clock: Clock) -> bool:
    try:
        cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    fresh = cert.not_valid_after_utc - clock.now() > datetime.timedelta(days=RENEW_DAYS)
    return fresh and _alternative(host) in list(names)


def _make(cert_path: Path, key_path: Path, host: str, clock: Clock) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Naesil")])
    names = list(dict.fromkeys([_alternative(host), x509.DNSName("localhost")]))
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - datetime.timedelta(minutes=5))
        .not_valid_after(clock.now() + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_secret(key_path, pem)
    _write_secret(cert_path, cert.public_bytes(serialization.Encoding.PEM))


def _write_secret(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
