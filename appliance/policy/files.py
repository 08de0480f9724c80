"""The files of a policies folder as bytes with their names, before anybody understands them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from appliance.errors import N_, Said
from appliance.policy.yaml_text import PolicyError

DOCUMENT_NAMES = (
    "access", "dlp", "limits", "retention", "egress", "audit", "notices", "examples",
)  # fmt: skip
MAX_DOCUMENT = 1_000_000
MAX_TERMS = 8_000_000
_TERMS = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\.txt")


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file; `path` is where messages say it is."""

    path: Path
    content: bytes


Files = Mapping[str, PolicyFile]
"""By name: dlp.yaml, terms.txt."""


def read_folder(folder: Path) -> tuple[dict[str, PolicyFile], list[PolicyError]]:
    """What is in a folder, and what is wrong with it. Other kinds of files do not count."""
    found: dict[str, PolicyFile] = {}
    problems: list[PolicyError] = []
    documents = {f"{name}.yaml" for name in DOCUMENT_NAMES}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name in documents:
            limit = MAX_DOCUMENT
        elif _TERMS.fullmatch(path.name):
            limit = MAX_TERMS
        else:
            if path.suffix in (".yaml", ".yml"):
                problems.append(_unknown(path, documents))
            continue
        try:
            found[path.name] = PolicyFile(path, _read(path, limit))
        except PolicyError as error:
            problems.append(error)
    return found, problems


def read_optional(folder: Path, name: str) -> PolicyFile | None:
    """One document of a folder, if it is there. Raises PolicyError when it cannot be read."""
    path = folder / name
    return PolicyFile(path, _read(path, MAX_DOCUMENT)) if path.is_file() else None


def _read(path: Path, limit: int) -> bytes:
    if path.exists() and not path.is_file():
        raise PolicyError(N_("%(file)s is not a file. Remove it, or put a file there."), file=path, line=1)
    try:
        with path.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise PolicyError(
            N_("%(file)s cannot be read: %(problem)s."), file=path, line=1, problem=error.strerror
        ) from None
    if len(content) > limit:
        raise PolicyError(
            N_("%(file)s is larger than %(limit)d bytes. Long lists of terms belong in terms.txt."),
            file=path,
            line=1,
            limit=limit,
        )
    return content


def _unknown(path: Path, documents: set[str]) -> PolicyError:
    close = get_close_matches(path.name, documents, n=1)
    remedy = Said(N_("Known: %(words)s."), words=", ".join(sorted(documents)))
    if close:
        remedy = Said(N_("Did you mean '%(word)s'?"), word=close[0])
    return PolicyError(N_("%(file)s is not a policy document. %(remedy)s"), file=path, line=1, remedy=remedy)
