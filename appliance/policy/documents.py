"""policies/*.yaml as typed, validated documents. A set of them has one revision: its content hash.

The files in the data folder's policies/ win over the shipped ones, file by file.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.config import Settings, share_folder
from appliance.core import Permission, Principal, Role
from appliance.errors import N_, ConfigError

MAX_BYTES = 1024 * 1024


class Document(BaseModel):
    """Unknown keys are errors; nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Access(Document):
    """access.yaml: the permissions of each role."""

    roles: dict[Role, frozenset[Permission]]


class Limit(Document):
    """What one person may have under way, and their share of the model under load."""

    running: Annotated[int, Field(ge=1, le=1000)]
    waiting: Annotated[int, Field(ge=0, le=10_000)]
    weight: Annotated[float, Field(gt=0, le=100)]


class Limits(Document):
    """limits.yaml."""

    default: Limit


class PolicySet(Document):
    """Every document, and the revision that names exactly this content."""

    access: Access
    limits: Limits
    revision: str

    def limits_for(self, _principal: Principal) -> Limit:
        """The limits that hold for this person."""
        return self.limits.default


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice and any alias (they make bombs)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_active(settings: Settings) -> PolicySet:
    """The policy in force. ConfigError with file, line and remedy when a document is bad."""
    return load(settings.data / "policies")


def load(folder: Path) -> PolicySet:
    """The set whose files stand in `folder`, the shipped ones filling in."""
    raw = {name: _read(_file(folder, name)) for name in ("access", "limits")}
    digest = hashlib.sha256(json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    documents = {
        name: _validate(kind, raw[name], _file(folder, name))
        for name, kind in (("access", Access), ("limits", Limits))
    }
    return PolicySet.model_validate({**documents, "revision": digest})


def _file(folder: Path, name: str) -> Path:
    own = folder / f"{name}.yaml"
    return own if own.is_file() else share_folder("policies") / f"{name}.yaml"


def _read(path: Path) -> Any:
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise ConfigError(N_("%(path)s is larger than 1 MiB. A policy file is a few pages."), path=path)
        return yaml.load(data.decode("utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            N_("%(path)s, line %(line)d: %(problem)s."), path=path, line=line, problem=error.problem
        ) from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ConfigError(N_("%(path)s is not UTF-8 YAML text."), path=path) from None


def _validate(kind: type[Document], raw: Any, path: Path) -> Document:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            N_("%(path)s: %(place)s: %(problem)s."),
            path=path,
            place=place or "the file",
            problem=first["msg"],
        ) from None
