"""What the supervisor has from before it locked itself: who starts processes, what the machine was like."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from appliance.egress.attacks.targets import Targets
from appliance.supervisor.launching import Launching
from appliance.supervisor.spec import RoleName


@dataclass(frozen=True, slots=True)
class Starters:
    """`keeper` starts the broker, the launcher all others. `host`: the machine's namespaces;
    `guard`: the report of the supervisor's own jail; `machine`: what a self-attack may aim at."""

    launcher: Launching
    keeper: Launching | None = None
    host: dict[str, str] | None = None
    guard: str = ""
    machine: Targets = field(default_factory=Targets)

    def of(self, role: RoleName) -> Launching:
        """Whoever starts this role."""
        return self.keeper if role == "broker" and self.keeper is not None else self.launcher

    def named(self) -> Iterator[tuple[RoleName, Launching]]:
        yield "launcher", self.launcher
        if self.keeper is not None:
            yield "keeper", self.keeper
