"""What another set of policies would change: rule by rule, and line by line."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from appliance.policy.files import DOCUMENT_NAMES
from appliance.policy.model import PolicySet

_MISSING = object()


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule or setting. `fields` are (name, old, new); old or new is None where it is not there."""

    document: str
    rule: str
    change: Literal["added", "removed", "changed"]
    fields: tuple[tuple[str, object, object], ...]


def by_rule(before: PolicySet, after: PolicySet) -> tuple[RuleChange, ...]:
    """The documents compared by what they mean."""
    changes: list[RuleChange] = []
    for name in DOCUMENT_NAMES:
        old, new = getattr(before.parts, name, None), getattr(after.parts, name, None)
        if old is None or new is None or old == new:
            continue
        changes += _compare(name, _rules(old.model_dump(mode="json")), _rules(new.model_dump(mode="json")))
    if len(before.own.terms) != len(after.own.terms):
        fields = (("terms", len(before.own.terms), len(after.own.terms)),)
        changes.append(RuleChange("dlp", "terms", "changed", fields))
    return tuple(changes)


def by_text(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """The files compared by their lines, as unified diffs; unchanged files are left out."""
    found = {}
    for name in sorted({*before, *after}):
        old, new = before.get(name, "").splitlines(), after.get(name, "").splitlines()
        if old != new:
            found[name] = list(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))
    return found


def _rules(document: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Rule or setting -> its fields. Lists of things with an id or a name become rules."""
    found: dict[str, dict[str, object]] = {}
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for number, item in enumerate(value):
                found[str(item.get("id") or item.get("name") or f"{key} {number + 1}")] = item
        elif isinstance(value, dict):
            found[key] = value
        else:
            found[key] = {key: value}
    return found


def _compare(
    document: str, old: dict[str, dict[str, object]], new: dict[str, dict[str, object]]
) -> list[RuleChange]:
    changes = []
    for rule in dict.fromkeys([*old, *new]):
        was, becomes = old.get(rule), new.get(rule)
        if was == becomes or (not was and becomes == {rule: []}) or (was == {rule: []} and not becomes):
            continue
        kind: Literal["added", "removed", "changed"] = (
            "added" if was is None else "removed" if becomes is None else "changed"
        )
        was, becomes = was or {}, becomes or {}
        fields = tuple(
            (name, was.get(name), becomes.get(name))
            for name in dict.fromkeys([*was, *becomes])
            if was.get(name, _MISSING) != becomes.get(name, _MISSING)
        )
        changes.append(RuleChange(document, rule, kind, fields))
    return changes
