"""The bill of materials: valid by CycloneDX' own validator, complete by the lock files."""

import json
import re
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]


def test_make_sbom_writes_every_locked_package_the_model_and_the_engine(tmp_path: Path) -> None:
    out, again = tmp_path / "sbom.json", tmp_path / "again.json"
    for file in (out, again):
        subprocess.run([sys.executable, "tools/sbom.py", "--out", str(file)], cwd=ROOT, check=True)
    text = out.read_text("utf-8")
    assert text == again.read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    named = {one["name"]: one for one in bill["components"]}
    listed = {(one["name"], one["version"]): one for one in bill["components"]}
    for lock in ("run.lock", "model.lock"):
        for name, version in re.findall(r"(?m)^(\S+)==([^\s;]+)", (ROOT / "requirements" / lock).read_text()):
            assert listed[name, version]["hashes"]
    assert named["llama.cpp"]["version"]
    assert named["smollm2-135m-instruct"]["hashes"][0]["content"].startswith("b179c9523d0e")
    assert bill["specVersion"] == "1.6"
    assert not re.search(r"https?://(?!cyclonedx\.org)", text)


def test_a_file_that_breaks_the_schema_is_told_from_a_good_one() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str('{"bomFormat": "CycloneDX"}') is not None
