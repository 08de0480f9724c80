"""Which files of a data folder are kept: keys, settings, policies, models, attestations of the guard.

Not kept: the database's own files (their rows are), run/ and exports/ (made anew), what is half copied.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from appliance.backup.records import PIECE_BYTES, FileBegin, FileEnd, FilePiece
from appliance.config import CONFIG_FILE, Settings
from appliance.inference import store

KEPT_FOLDERS = ("keys", "policies", "models", "exports/attestations")
DRAFTS = (".new", ".partial")
FileRecord = FileBegin | FilePiece | FileEnd


def keys(settings: Settings) -> list[tuple[str, bytes]]:
    """(path, content) of the small files that must be of one moment with the database."""
    return [(name, path.read_bytes()) for name, path in _below(settings, "keys")]


def others(settings: Settings, *, models: bool) -> list[tuple[str, Path]]:
    """(path below the data folder, file) of all other kept files; without `models` no model's weights.

    Adapters are small and made in the house: they are always kept.
    """
    adapters = {f"{record.sha256}.gguf" for record in store.records(settings.models_folder) if record.base}
    found = [(CONFIG_FILE, settings.data / CONFIG_FILE)]
    for folder in KEPT_FOLDERS[1:]:
        found += _below(settings, folder)
    return [
        (name, path)
        for name, path in found
        if path.is_file() and (models or path.suffix != store.SUFFIX or path.name in adapters)
    ]


def stream(name: str, path: Path) -> Iterator[FileRecord]:
    """A file as records, a piece at a time."""
    yield FileBegin(name)
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            yield FilePiece(piece)
    yield FileEnd(size, digest.hexdigest())


def whole(name: str, content: bytes) -> Iterator[FileRecord]:
    """The same for what was read already."""
    yield FileBegin(name)
    yield FilePiece(content)
    yield FileEnd(len(content), hashlib.sha256(content).hexdigest())


def is_kept(name: str) -> bool:
    """Whether a backup may put a file there: no path of ours leads anywhere else."""
    parts = name.split("/")
    safe = all(part not in ("", ".", "..") and "\0" not in part for part in parts)
    folders = (tuple(folder.split("/")) for folder in KEPT_FOLDERS)
    return name == CONFIG_FILE or (
        safe and any(tuple(parts[: len(one)]) == one and len(parts) > len(one) for one in folders)
    )


def _below(settings: Settings, folder: str) -> list[tuple[str, Path]]:
    found = []
    for path in sorted((settings.data / folder).rglob("*")):
        parts = path.relative_to(settings.data).parts
        hidden = any(part.startswith(".") for part in parts) or "incoming" in parts
        if path.is_file() and not path.is_symlink() and not hidden and path.suffix not in DRAFTS:
            found.append(("/".join(parts), path))
    return found
