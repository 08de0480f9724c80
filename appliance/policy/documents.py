"""Reads policies/*.yaml: every mistake named with file, line and remedy; never half a policy.

The shipped files are the defaults; a file of the same name elsewhere takes the place of a
shipped one.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel

from appliance.config import Settings, share_folder
from appliance.errors import N_
from appliance.policy import sense
from appliance.policy.access import Access
from appliance.policy.audit import Audit
from appliance.policy.dlp import Dlp
from appliance.policy.egress import Egress
from appliance.policy.egress_file import whole_egress
from appliance.policy.examples import Examples, failure
from appliance.policy.files import Files, read_folder
from appliance.policy.limits import Limits
from appliance.policy.model import Direction, Limit, Parts, PolicySet, compiled
from appliance.policy.notices import Notices
from appliance.policy.reading import plain_document, validated
from appliance.policy.retention import Retention
from appliance.policy.yaml_text import PlainDocument, PolicyError

__all__ = [
    "DOCUMENTS", "Direction", "Limit", "PolicyError", "PolicySet", "check", "check_files", "load",
    "load_active",
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
        if (document := plain_document(f"{name}.yaml", whole, unread, folder, problems)) is not None
    }
    access = validated(Access, plain.get("access"), problems)
    dlp = validated(Dlp, plain.get("dlp"), problems)
    limits = validated(Limits, plain.get("limits"), problems)
    retention = validated(Retention, plain.get("retention"), problems)
    notices = validated(Notices, plain.get("notices"), problems)
    examples = validated(Examples, plain.get("examples"), problems)
    audit = validated(Audit, plain.get("audit"), problems)
    egress = whole_egress(plain.get("egress"), base.get("egress.yaml"), problems)
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
