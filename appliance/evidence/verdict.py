"""What a verification found, whole: for a person, for a script."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from appliance.evidence.faults import N_, Fault, unsound
from appliance.evidence.keys import Cosigned

CLOCK_TOLERANCE_S = 300

NO_OUTSIDE = N_(
    "No outside checkpoint was given and no witness's cosignature was checked: whoever holds the log's "
    "key could have rewritten everything. Compare with a checkpoint kept elsewhere (--since)."
)


@dataclass(slots=True)
class Verdict:
    """Grows while checking. `kind` is export, entry, consistency, checkpoint, disclosure or certificate."""

    kind: str
    origin: str = ""
    first: int = 0
    entries: int = 0
    size: int = 0
    root: str = ""
    made_at: str = ""
    reason: str = ""
    since: list[int] = field(default_factory=list)
    cosigned: list[Cosigned] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """For a script: stable names, faults with their codes."""
        first = self.faults[0] if self.faults else None
        return {
            "ok": self.ok,
            "kind": self.kind,
            "origin": self.origin,
            "first": self.first,
            "entries": self.entries,
            "checkpoint": {"size": self.size, "root": self.root},
            "made_at": self.made_at,
            "reason": self.reason,
            "since": self.since,
            "cosignatures": [
                {"name": one.name, "time": utc(one.time), "size": one.size} for one in self.cosigned
            ],
            **self.details,
            "warnings": self.warnings,
            "fault": first.code if first else None,
            "first_bad": first.entry if first else None,
            "problem": first.text() if first else "",
            "faults": [
                {"code": one.code, "text": one.text(), "entry": one.entry, "file": one.file}
                for one in self.faults
            ],
        }


def add_cosigned(verdict: Verdict, cosigned: Iterable[Cosigned], file: str, now: float) -> None:
    """Note cosignatures. `Unsound` for one of a time that has not come yet."""
    for one in cosigned:
        if one.time > now + CLOCK_TOLERANCE_S:
            raise unsound(
                "cosignature-future",
                N_("%(name)s's cosignature is dated %(time)s, which is later than this computer's clock."),
                name=one.name,
                time=utc(one.time),
                file=file,
            )
        verdict.cosigned.append(one)


def utc(seconds: int) -> str:
    """A POSIX time for a person; the number itself when no calendar reaches that far."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def sentences(verdict: Verdict, translate: Callable[[str], str] = lambda message: message) -> list[str]:
    """The verdict for a person, one finding a line."""
    if not verdict.ok:
        return [f"BAD: {fault.text(translate)}" for fault in verdict.faults]
    what = {
        "export": N_(
            "%(count)d entries, %(first)d to %(last)d, are what was signed, and every file says the same."
        ),
        "entry": N_("Entry %(first)d is what was signed."),
        "disclosure": N_("The disclosed text is the one that entry %(first)d commits to."),
        "certificate": N_("Entry %(first)d, as it was signed, certifies this destruction."),
        "consistency": N_("The checkpoint extends the earlier one."),
        "checkpoint": N_("The checkpoint's signature holds."),
    }[verdict.kind]
    numbers = {"count": verdict.entries, "first": verdict.first, "last": verdict.first + verdict.entries - 1}
    lines = [f"OK: {translate(what) % numbers}", f"{verdict.origin}: {verdict.size} {verdict.root}"]
    lines += [
        translate(N_("Agrees with the outside checkpoint of %(size)d entries.")) % {"size": size}
        for size in verdict.since
    ]
    lines += [
        translate(N_("%(name)s cosigned %(size)d entries at %(time)s."))
        % {"name": one.name, "size": one.size, "time": utc(one.time)}
        for one in verdict.cosigned
    ]
    lines += [
        translate(N_("Not checked: the signature of %(name)s, whose key was not given.")) % {"name": name}
        for name in verdict.details.get("unknown_signers", ())
    ]
    return lines + [f"{translate(N_('Warning'))}: {translate(warning)}" for warning in verdict.warnings]
