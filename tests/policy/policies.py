"""Policies made for tests, as files, through the real loader."""

import shutil
from pathlib import Path

from appliance.config import share_folder
from appliance.core import Principal, Role
from appliance.policy.detectors.finding import Kind
from appliance.policy.documents import PolicySet, load
from appliance.policy.model import Rulings

REASON = "reason: {ko: 시험, en: test}"
MASK_ALL = f"""
version: 1
rules:
  - id: T-1
    directions: [prompt, reply]
    detectors: [{", ".join(Kind)}]
    at_least: LOW
    action: mask
    {REASON}
"""


def rulings(policy: PolicySet) -> Rulings:
    """The rules about findings for an ordinary person."""
    return policy.rulings(Principal("u1", "user", roles=frozenset({Role.MEMBER})))


def copy(folder: Path) -> Path:
    shutil.copytree(share_folder("policies"), folder)
    return folder


def load_with(folder: Path, **documents: str) -> PolicySet:
    """The shipped policies with some files replaced by these texts."""
    for name, text in documents.items():
        suffix = "txt" if name == "terms" else "yaml"
        (folder / f"{name}.{suffix}").write_text(text, "utf-8")
    return load(share_folder("policies"), folder)
