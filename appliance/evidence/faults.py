"""What a check can find, named so that a person and a script both know it again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for this marker
    """Mark `message` for the translation catalogue without translating it here."""
    return message


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a stable code, words, and where: an entry's index, a file."""

    code: str
    template: str
    params: Mapping[str, object] = field(default_factory=dict)
    entry: int | None = None
    file: str = ""

    def text(self, translate: Callable[[str], str] = lambda message: message) -> str:
        template = translate(self.template)
        return template % dict(self.params) if self.params else template


class Unsound(Exception):
    """Carries the fault that ends a check."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text())
        self.fault = fault


def unsound(
    code: str, template: str, *, entry: int | None = None, file: str = "", **params: object
) -> Unsound:
    """The exception for this fault; its file and entry may be named in the template."""
    if file:
        params["file"] = file
    if entry is not None:
        params["entry"] = entry
    return Unsound(Fault(code, template, params, entry, file))
