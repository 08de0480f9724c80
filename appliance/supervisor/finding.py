"""One thing that `appliance doctor` looked at, and what is to be done about it."""

from dataclasses import dataclass

from appliance.errors import NaesilError


@dataclass(frozen=True, slots=True)
class Check:
    """`detail`: an error where the words are the product's own. `remedy`: a template for the person.

    `warns`: what was found keeps nothing from working today.
    """

    name: str
    ok: bool
    detail: str | NaesilError
    remedy: str = ""
    warns: bool = False

    @property
    def severity(self) -> str:
        """ok, warning or fault."""
        return "ok" if self.ok else "warning" if self.warns else "fault"


def good(name: str, detail: str) -> Check:
    return Check(name, True, detail)


def fault(name: str, detail: str | NaesilError, remedy: str) -> Check:
    return Check(name, False, detail, remedy)


def warning(name: str, detail: str | NaesilError, remedy: str) -> Check:
    return Check(name, False, detail, remedy, warns=True)
