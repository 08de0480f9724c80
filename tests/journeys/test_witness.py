"""One product asks another for its cosignature by itself, through the broker, and it leaves in the export."""

from pathlib import Path

from tests.journeys.product import Product, appliance, init
from tests.journeys.test_resilience import wait_for
from tests.journeys.test_syslog import recorded

EGRESS = """
version: 1
destinations:
  - name: witness
    host: 127.0.0.1
    port: {port}
    protocol: http
    purpose: cosignatures for our log
    approver: CISO
"""
AUDIT = """
version: 1
witnesses:
  - name: neighbour
    url: {url}/witness/add-checkpoint
    key: {key}
    every: hourly
"""


def said(*words: str) -> str:
    done = appliance(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_product_cosigns_the_log_without_anybody_carrying_files(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    log_key, witness_key, export = (tmp_path / name for name in ("log.vkey", "w.vkey", "x.zip"))
    for data in (ours, theirs):
        init(data)
    log_key.write_text(said("audit", "key", "--data", str(ours)))
    folder = ("--dir", str(theirs / "witness"))
    witness_key.write_text(said("witness", "init", *folder, "--name", "neighbour.example/w1"))
    said("witness", "trust", *folder, "--key", str(log_key))
    witness = Product(theirs).wait_ready()
    try:
        (ours / "policies").mkdir(exist_ok=True)
        port = witness.url.rpartition(":")[2]
        (ours / "policies" / "egress.yaml").write_text(EGRESS.format(port=port))
        audit = AUDIT.format(url=witness.url, key=witness_key.read_text().strip())
        (ours / "policies" / "audit.yaml").write_text(audit)
        product = Product(ours).wait_ready()
        try:
            wait_for(lambda: bool(recorded(ours, "audit:checkpoint:cosign", "neighbour.example/w1")))
            wait_for(lambda: bool(recorded(theirs, "audit:foreign-log:cosign", '"allowed"')))
            assert recorded(ours, "egress:connection:grant", f"witness connect:127.0.0.1:{port}")
            said("audit", "export", "--data", str(ours), "--reason", "점검", "--out", str(export))
        finally:
            assert product.stop() == 0
    finally:
        assert witness.stop() == 0
    words = ("audit", "verify", str(export), "--key", str(log_key), "--witness", str(witness_key))
    assert "neighbour.example/w1" in said(*words)
    for data in (ours, theirs):
        said("audit", "verify", "--data", str(data))
