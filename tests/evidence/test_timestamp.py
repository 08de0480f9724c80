"""A checkpoint stamped by a time-stamp authority (RFC 3161), with the very commands of docs/audit.md."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.evidence.conftest import AUDITOR, Site

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"
AUTHORITY = """
[tsa]
default_tsa = here
[here]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""
REPLY = (
    "openssl ts -reply -config tsa.cnf -queryfile request.tsq -signer tsa.pem -inkey tsa.key -out answer.tsr"
)


def commands() -> list[str]:
    """The lines of the document's block, the authority's own answer in the place of its address."""
    (block,) = re.findall(
        r"^```\n(appliance audit checkpoint --data DIR --out .*?)^```", DOCUMENT.read_text(), re.M | re.S
    )
    lines = [re.split(r"\s{2,}#", line)[0] for line in block.splitlines()]
    return [
        REPLY if line.startswith("curl ") else line for line in lines if not line.startswith("appliance ")
    ]


def certificates(folder: Path) -> None:
    """TSA.pem, whom an auditor trusts, and the authority's own certificate under it with its key."""
    now, keys = datetime.now(UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in ("root", "authority")]
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    for file, name, key, extension in (
        ("TSA.pem", names[0], keys[0], x509.BasicConstraints(ca=True, path_length=None)),
        ("tsa.pem", names[1], keys[1], stamping),
    ):
        made = x509.CertificateBuilder().subject_name(name).issuer_name(names[0]).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        signed = made.sign(keys[0], hashes.SHA256())
        (folder / file).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tsa.key").write_bytes(secret)


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line.split(), cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL's program is not installed")
def test_a_checkpoint_is_stamped_like_any_file_and_no_other_passes_for_it(
    shared: Site, tmp_path: Path
) -> None:
    certificates(tmp_path)
    (tmp_path / "tsa.cnf").write_text(AUTHORITY)
    (tmp_path / "serial").write_text("01\n")
    checkpoint = tmp_path / "log.checkpoint"
    checkpoint.write_text(shared.giving().checkpoint(AUDITOR))
    query, reply, check = commands()
    for line in (query, reply, check):
        done = run(tmp_path, line)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    checkpoint.write_text((shared.folder / "kept.checkpoint").read_text())
    assert run(tmp_path, check).returncode != 0
