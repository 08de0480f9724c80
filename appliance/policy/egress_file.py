"""Reads policies/egress.yaml alone: whoever starts the product needs nothing of the other documents."""

from pathlib import Path

from appliance.policy.egress import Egress, contradictions, with_denied
from appliance.policy.files import PolicyFile, read_optional
from appliance.policy.reading import plain_document, validated
from appliance.policy.wording import wrong
from appliance.policy.yaml_text import PlainDocument, PolicyError, parse


def load_egress(folder: Path, override: Path | None = None) -> tuple[Egress, PlainDocument]:
    """The destinations and the file they stand in. Raises PolicyError for the first mistake."""
    problems: list[PolicyError] = []
    base = read_optional(folder, "egress.yaml")
    own = read_optional(override, "egress.yaml") if override is not None else None
    files = {"egress.yaml": file} if (file := own or base) else {}
    plain = plain_document("egress.yaml", files, (), folder, problems)
    egress = whole_egress(plain, base, problems)
    if egress is None or plain is None or problems:
        raise problems[0]
    return egress, plain


def whole_egress(
    plain: PlainDocument | None, base: PolicyFile | None, problems: list[PolicyError]
) -> Egress | None:
    """The document, with the shipped file's list of public AI services added to its own."""
    egress = validated(Egress, plain, problems)
    if egress is None or plain is None:
        return None
    if base is not None and plain.file != base.path:
        shipped = validated(Egress, parse(base.path, base.content), problems)
        egress = with_denied(egress, shipped.always_denied if shipped is not None else ())
    problems += [wrong(plain, place, problem, cure) for place, problem, cure in contradictions(egress)]
    return egress
