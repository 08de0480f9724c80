"""Reads policies/*.yaml: every mistake named with file, line and remedy; never half a policy.

The shipped files are the defaults; a file of the same name elsewhere takes the place of a
shipped one.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.config import Settings, share_folder
from appliance.errors import N_, Said
from appliance.policy import sense
from appliance.policy.access import Access
from appliance.policy.audit import Audit
from appliance.policy.dlp import Dlp
from appliance.policy.egress import Egress, contradictions, with_denied
from appliance.policy.examples import Examples, failure
from appliance.policy.files import Files, PolicyFile, read_folder, read_optional
from appliance.policy.limits import Limits
from appliance.policy.misfit import misfit
from appliance.policy.model import Direction, Limit, Parts, PolicySet, compiled
from appliance.policy.notices import Notices
from appliance.policy.retention import Retention
from appliance.policy.sense import remedy, wrong
from appliance.policy.yaml_text import Place, PlainDocument, PolicyError, parse

__all__ = [
    "DOCUMENTS", "Direction", "Limit", "PolicyError", "PolicySet", "check", "check_files", "load",
    "load_active", "load_egress",
]  # fmt: skip

DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "access": Access,
    "dlp": Dlp,
    "limits": Limits,
    "retention": Retention,
    "egress": Egress,
    "audit": Audit,
    "notices": Notices,
    "examples": Examples,
}

_Model = TypeVar("_Model", bound=BaseModel)


def load_active(settings: Settings) -> PolicySet:
    """The policies of the data folder's policies/ where it has them, else the shipped ones."""
    return load(share_folder("policies"), settings.policies_folder)


def load(folder: Path, override: Path | None = None) -> PolicySet:
    """The policies of `folder`, files in `override` first. Raises PolicyError for the first mistake."""
    policy, problems = check(folder, override)
    if policy is None:
        raise problems[0]
    return policy


def check(folder: Path, override: Path | None = None) -> tuple[PolicySet | None, tuple[PolicyError, ...]]:
    """The policies, or everything that is wrong with them."""
    base, problems = read_folder(folder)
    own, more = read_folder(override) if override is not None else ({}, [])
    policy, found = check_files(own, base, {error.file.name for error in (*problems, *more)}, folder)
    everything = (*problems, *more, *found)
    return (None if everything else policy), everything


def check_files(
    files: Files, base: Files, unread: Collection[str] = (), folder: Path | None = None
) -> tuple[PolicySet | None, tuple[PolicyError, ...]]:
    """The policies in these files, those of `base` where one is missing; or all that is wrong.

    `unread` names files about which a problem is told already; one that is in neither set is
    said to be missing in `folder`.
    """
    whole = {**base, **files}
    problems: list[PolicyError] = []
    plain = {
        name: document
        for name in DOCUMENTS
        if (document := _plain(f"{name}.yaml", whole, unread, folder, problems)) is not None
    }
    access = _validated(Access, plain.get("access"), problems)
    dlp = _validated(Dlp, plain.get("dlp"), problems)
    limits = _validated(Limits, plain.get("limits"), problems)
    retention = _validated(Retention, plain.get("retention"), problems)
    notices = _validated(Notices, plain.get("notices"), problems)
    examples = _validated(Examples, plain.get("examples"), problems)
    audit = _validated(Audit, plain.get("audit"), problems)
    egress = _egress(plain.get("egress"), base.get("egress.yaml"), problems)
    if (
        access is None or dlp is None or limits is None or retention is None
        or notices is None or examples is None or egress is None or audit is None
    ):  # fmt: skip
        return None, tuple(problems)
    own = sense.own_detectors(dlp, plain["dlp"], whole, problems)
    parts = Parts(access, dlp, limits, retention, notices, egress, audit, own)
    problems += sense.between(parts, plain)
    if problems:
        return None, tuple(problems)
    policy = compiled(parts, _revision(parts, examples, whole))
    failed = _failed_examples(policy, examples, plain["examples"])
    return (None if failed else policy), tuple(failed)


def load_egress(folder: Path, override: Path | None = None) -> tuple[Egress, PlainDocument]:
    """The destinations and the file they stand in. Raises PolicyError for the first mistake."""
    problems: list[PolicyError] = []
    base = read_optional(folder, "egress.yaml")
    own = read_optional(override, "egress.yaml") if override is not None else None
    files = {"egress.yaml": file} if (file := own or base) else {}
    plain = _plain("egress.yaml", files, (), folder, problems)
    egress = _egress(plain, base, problems)
    if egress is None or plain is None or problems:
        raise problems[0]
    return egress, plain


def _egress(
    plain: PlainDocument | None, base: PolicyFile | None, problems: list[PolicyError]
) -> Egress | None:
    """The document, with the shipped file's list of public AI services added to its own."""
    egress = _validated(Egress, plain, problems)
    if egress is None or plain is None:
        return None
    if base is not None and plain.file != base.path:
        shipped = _validated(Egress, parse(base.path, base.content), problems)
        egress = with_denied(egress, shipped.always_denied if shipped is not None else ())
    problems += [wrong(plain, place, problem, cure) for place, problem, cure in contradictions(egress)]
    return egress


def _plain(
    name: str, files: Files, unread: Collection[str], folder: Path | None, problems: list[PolicyError]
) -> PlainDocument | None:
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


def _validated(
    model: type[_Model], document: PlainDocument | None, problems: list[PolicyError]
) -> _Model | None:
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


def _failed_examples(policy: PolicySet, examples: Examples, document: PlainDocument) -> list[PolicyError]:
    return [
        PolicyError(
            N_(
                "%(file)s, line %(line)d: the example '%(example)s' expects %(expected)s, but it would be "
                "%(came)s. Change the rules, or the example."
            ),
            file=document.file,
            line=document.line_of(("examples", number)),
            example=example.name,
            expected=example.expect,
            came=came,
        )
        for number, example in enumerate(examples.examples)
        if (came := failure(policy, example)) is not None
    ]


def _revision(parts: Parts, examples: Examples, files: Files) -> str:
    """SHA-256 over what the documents mean: comments, order of keys and spelling do not count."""
    documents = (
        parts.access, parts.dlp, parts.limits, parts.retention, parts.notices, parts.egress,
        parts.audit, examples,
    )  # fmt: skip
    meaning = [document.model_dump(mode="json") for document in documents]
    used = {one.file for one in (*parts.dlp.terms, sense.DEFAULT_TERMS)}
    words = {name: sorted(sense.read_terms(files[name], [])) for name in sorted(used) if name in files}
    text = json.dumps([*meaning, words], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
