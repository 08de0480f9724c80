"""The text of one policy document becomes its model, or mistakes with their lines and what to do."""

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.errors import N_, Said
from appliance.policy.files import Files
from appliance.policy.misfit import misfit
from appliance.policy.wording import remedy, wrong
from appliance.policy.yaml_text import Place, PlainDocument, PolicyError, parse

_Model = TypeVar("_Model", bound=BaseModel)


def plain_document(
    name: str, files: Files, unread: Collection[str], folder: Path | None, problems: list[PolicyError]
) -> PlainDocument | None:
    """The file's value with its lines; None, with the problem added, when there is none.

    `unread` names files about which a problem is told already; one that is not there is said to be
    missing in `folder`.
    """
    file = files.get(name)
    if file is None:
        if name not in unread:
            missing = N_("%(file)s cannot be read: %(problem)s.")
            problems.append(
                PolicyError(missing, file=(folder or Path()) / name, line=1, problem=Said(N_("no such file")))
            )
        return None
    try:
        return parse(file.path, file.content)
    except PolicyError as error:
        problems.append(error)
        return None


def validated(
    model: type[_Model], document: PlainDocument | None, problems: list[PolicyError]
) -> _Model | None:
    """The document as its model says it must be; None, with all that is wrong added, when it is not."""
    if document is None:
        return None
    try:
        return model.model_validate(document.value)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        errors.sort(key=lambda error: error["type"] == "missing")  # a misspelt key explains a missing one
        problems += [_explained(document, model, error) for error in errors]
        return None


def _explained(document: PlainDocument, model: type[BaseModel], error: ErrorDetails) -> PolicyError:
    place: Place = tuple(error["loc"])
    line = document.line_of(place)
    if error["type"] == "extra_forbidden":
        known = _keys(model, place)
        return PolicyError(
            N_("%(file)s, line %(line)d: unknown key '%(key)s'. %(remedy)s"),
            file=document.file,
            line=line,
            key=str(place[-1])[:80],
            remedy=remedy(place[-1], known),
        )
    if error["type"] == "missing":
        return PolicyError(
            N_("%(file)s, line %(line)d: '%(key)s' is missing. Add it."),
            file=document.file,
            line=line,
            key=".".join(str(part) for part in place) or "/",
        )
    choices = _choices(error)
    return wrong(document, place, misfit(error), remedy(error["input"], choices) if choices else None)


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that may stand where the last part of `place` stands."""
    schema = model.model_json_schema()
    node = schema
    for part in place[:-1]:
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        node = next((one for one in node.get("anyOf", ()) if "$ref" in one), node)
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return sorted(node.get("properties", ()))


def _choices(error: ErrorDetails) -> list[str]:
    """The values pydantic lists for an enumeration: 'a', 'b' or 'c'."""
    expected = str(error.get("ctx", {}).get("expected", ""))
    return expected.split("'")[1::2]
