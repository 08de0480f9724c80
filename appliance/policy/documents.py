"""Reads policies/*.yaml: every mistake named with file, line and remedy; never half a policy.

The shipped files are the defaults; a file of the same name in the data folder's policies/
takes the place of a shipped one.
"""

import hashlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.config import Settings, share_folder
from appliance.errors import N_
from appliance.policy.detectors import dictionary as terms
from appliance.policy.detectors.dictionary import Dictionary
from appliance.policy.egress import Egress, contradictions, with_denied
from appliance.policy.model import (
    Access,
    Direction,
    Dlp,
    Limit,
    Limits,
    PolicySet,
    compiled,
    known_roles,
)
from appliance.policy.yaml_text import Place, PlainDocument, PolicyError, read

__all__ = ["DOCUMENTS", "Direction", "Limit", "PolicyError", "PolicySet", "check", "load", "load_active"]

DOCUMENTS: Mapping[str, type[BaseModel]] = {"access": Access, "dlp": Dlp, "limits": Limits, "egress": Egress}
TERMS_FILE = "terms.txt"

_Model = TypeVar("_Model", bound=BaseModel)


def load_active(settings: Settings) -> PolicySet:
    """The policies in force: the data folder's where it has them, else the shipped ones."""
    return load(share_folder("policies"), settings.data / "policies")


def load(folder: Path, override: Path | None = None) -> PolicySet:
    """The policies of `folder`, files in `override` first. Raises PolicyError for the first mistake."""
    policy, problems = check(folder, override)
    if policy is None:
        raise problems[0]
    return policy


def check(folder: Path, override: Path | None = None) -> tuple[PolicySet | None, tuple[PolicyError, ...]]:
    """The policies, or everything that is wrong with them."""
    problems: list[PolicyError] = []
    plain = {name: _plain(_path(f"{name}.yaml", folder, override), problems) for name in DOCUMENTS}
    words = _terms(_path(TERMS_FILE, folder, override), problems)
    access = _validated(Access, plain["access"], problems)
    dlp = _validated(Dlp, plain["dlp"], problems)
    limits = _validated(Limits, plain["limits"], problems)
    egress = _egress(plain["egress"], folder, problems)
    if access is None or dlp is None or limits is None or egress is None:
        return None, tuple(problems)
    problems += _repeated_ids(access, dlp, plain)
    problems += _unknown_roles(access, limits, plain)
    if problems:
        return None, tuple(problems)
    return compiled(
        access, dlp, limits, Dictionary(words), _revision((access, dlp, limits, egress), words)
    ), ()


def load_egress(folder: Path, override: Path | None = None) -> tuple[Egress, PlainDocument]:
    """The destinations and the file they stand in. Raises PolicyError for the first mistake."""
    problems: list[PolicyError] = []
    plain = _plain(_path("egress.yaml", folder, override), problems)
    egress = _egress(plain, folder, problems)
    if egress is None or plain is None or problems:
        raise problems[0]
    return egress, plain


def _egress(plain: PlainDocument | None, folder: Path, problems: list[PolicyError]) -> Egress | None:
    """The document, with the shipped file's list of public AI services added to its own."""
    egress = _validated(Egress, plain, problems)
    if egress is None or plain is None:
        return None
    if plain.file != folder / "egress.yaml":
        shipped = _validated(Egress, _plain(folder / "egress.yaml", problems), problems)
        egress = with_denied(egress, shipped.always_denied if shipped is not None else ())
    problems += [
        PolicyError(
            N_("%(file)s, line %(line)d: '%(key)s' is wrong: %(problem)s. %(remedy)s"),
            file=plain.file,
            line=plain.line_of(place),
            key=".".join(str(part) for part in place),
            problem=problem,
            remedy=remedy,
        )
        for place, problem, remedy in contradictions(egress)
    ]
    return egress


def _path(name: str, folder: Path, override: Path | None) -> Path:
    if override is not None and (override / name).is_file():
        return override / name
    return folder / name


def _plain(file: Path, problems: list[PolicyError]) -> PlainDocument | None:
    try:
        return read(file)
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
    where = ".".join(str(part) for part in place) or "/"
    line = document.line_of(place)
    if error["type"] == "extra_forbidden":
        known = _keys(model, place)
        return PolicyError(
            N_("%(file)s, line %(line)d: unknown key '%(key)s'. %(remedy)s"),
            file=document.file,
            line=line,
            key=str(place[-1])[:80],
            remedy=_remedy(place[-1], known),
        )
    if error["type"] == "missing":
        return PolicyError(
            N_("%(file)s, line %(line)d: '%(key)s' is missing. Add it."),
            file=document.file,
            line=line,
            key=where,
        )
    remedy = _remedy(error["input"], _choices(error)) if _choices(error) else ""
    return PolicyError(
        N_("%(file)s, line %(line)d: '%(key)s' is wrong: %(problem)s. %(remedy)s"),
        file=document.file,
        line=line,
        key=where,
        problem=error["msg"].removeprefix("Value error, ")[:300],
        remedy=remedy,
    )


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that may stand where the last part of `place` stands."""
    schema = model.model_json_schema()
    node = schema
    for part in place[:-1]:
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return sorted(node.get("properties", ()))


def _choices(error: ErrorDetails) -> list[str]:
    """The values pydantic lists for an enumeration: 'a', 'b' or 'c'."""
    expected = str(error.get("ctx", {}).get("expected", ""))
    return expected.split("'")[1::2]


def _remedy(given: object, known: list[str]) -> str:
    close = get_close_matches(str(given)[:80], known, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(known)}."


def _repeated_ids(access: Access, dlp: Dlp, plain: Mapping[str, PlainDocument | None]) -> list[PolicyError]:
    """Rule ids name one rule in all documents together."""
    places: list[tuple[str, Place, str]] = [
        ("access", ("otherwise", "id"), access.otherwise.id),
        *(("access", ("rules", number, "id"), rule.id) for number, rule in enumerate(access.rules)),
        *(("dlp", ("rules", number, "id"), rule.id) for number, rule in enumerate(dlp.rules)),
    ]
    seen: set[str] = set()
    problems = []
    for name, place, rule_id in places:
        document = plain[name]
        if rule_id in seen and document is not None:
            problems.append(
                PolicyError(
                    N_("%(file)s, line %(line)d: the rule id '%(rule)s' is used twice. Choose another."),
                    file=document.file,
                    line=document.line_of(place),
                    rule=rule_id,
                )
            )
        seen.add(rule_id)
    return problems


def _unknown_roles(
    access: Access, limits: Limits, plain: Mapping[str, PlainDocument | None]
) -> list[PolicyError]:
    """Roles are declared in access.yaml before rules and limits name them."""
    known = known_roles(access)
    places: list[tuple[str, Place, str]] = [
        ("access", ("rules", number, "roles", at), role)
        for number, rule in enumerate(access.rules)
        for at, role in enumerate(rule.roles)
    ]
    places += [
        ("access", ("sign_in", "second_factor", at), role)
        for at, role in enumerate(access.sign_in.second_factor)
    ]
    places += [
        ("limits", ("groups", number, "roles", at), role)
        for number, group in enumerate(limits.groups)
        for at, role in enumerate(group.roles)
    ]
    return [
        PolicyError(
            N_("%(file)s, line %(line)d: there is no role '%(role)s'. %(remedy)s"),
            file=document.file,
            line=document.line_of(place),
            role=role,
            remedy=_remedy(role, sorted(known)),
        )
        for name, place, role in places
        if role not in known and (document := plain[name]) is not None
    ]


def _terms(file: Path, problems: list[PolicyError]) -> list[str]:
    """One term a line; empty lines and lines that begin with # do not count. The file is optional."""
    if not file.is_file():
        return []
    try:
        lines = file.read_bytes().decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        problems.append(PolicyError(N_("%(file)s is not readable UTF-8 text."), file=file, line=1))
        return []
    words: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        term = line.strip()
        if not term or term.startswith("#"):
            continue
        if not terms.SHORTEST <= len(term) <= terms.LONGEST:
            problems.append(
                PolicyError(
                    N_("%(file)s, line %(line)d: a term has %(least)d to %(most)d characters."),
                    file=file,
                    line=number,
                    least=terms.SHORTEST,
                    most=terms.LONGEST,
                )
            )
        words[term] = None
    if len(words) > terms.MOST:
        problems.append(
            PolicyError(N_("%(file)s: more than %(most)d terms."), file=file, line=1, most=terms.MOST)
        )
    return list(words)


def _revision(documents: tuple[BaseModel, ...], words: list[str]) -> str:
    """SHA-256 over what the documents mean: comments, order of keys and spelling do not count."""
    meaning = [document.model_dump(mode="json") for document in documents]
    text = json.dumps([*meaning, sorted(words)], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
