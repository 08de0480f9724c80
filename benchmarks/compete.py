"""Rounds: each contestant started, watched under the load, stopped; then the next one's turn."""

import asyncio
import dataclasses
import subprocess
import sys
from dataclasses import dataclass, field

from benchmarks import cost, targets
from benchmarks.load import median
from benchmarks.registry import PRODUCT, Bar, Contest, Measurement, Scale, Workload


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and the value that was measured for it; None when its peer did not run."""

    bar: Bar
    value: float | None

    @property
    def met(self) -> bool | None:
        return None if self.value is None else self.bar.met(self.value)


@dataclass(slots=True)
class Outcome:
    """`rounds`: for each contestant its figures of every round, in order."""

    name: str
    about: str
    shown: tuple[str, ...]
    bars: tuple[Bar, ...]
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def medians(self, contestant: str) -> dict[str, float]:
        rounds = self.rounds[contestant]
        return {name: median([one[name] for one in rounds if name in one]) for name in rounds[0]}

    def ratio(self, figure: str, peer: str) -> float | None:
        """The product's figure divided by the peer's: the median of the rounds' own ratios."""
        pairs = zip(self.rounds.get(PRODUCT, []), self.rounds.get(peer, []), strict=False)
        ratios = [ours[figure] / theirs[figure] for ours, theirs in pairs if theirs.get(figure)]
        return median(ratios) if ratios else None

    def verdicts(self) -> list[Verdict]:
        return [Verdict(bar, self._value(bar)) for bar in self.bars]

    def _value(self, bar: Bar) -> float | None:
        if bar.versus:
            return self.ratio(bar.figure, bar.versus)
        return self.medians(PRODUCT).get(bar.figure) if self.rounds.get(PRODUCT) else None


def run(workload: Workload, peers: tuple[str, ...], rounds: int, scale: Scale) -> Outcome:
    """All rounds of one workload. A peer that cannot start is left out, with the reason; we never are."""
    outcome = Outcome(workload.name, workload.about, workload.shown, workload.bars)
    for number in range(rounds):
        if isinstance(workload, Measurement):
            _say(f"{workload.name}: round {number + 1}")
            outcome.rounds.setdefault(PRODUCT, []).append(workload.measure(scale))
            continue
        contestants = [PRODUCT, *(peer for peer in peers if _welcome(workload, peer))]
        for contestant in contestants if number % 2 == 0 else reversed(contestants):
            if contestant not in outcome.absent:
                _take_turn(outcome, workload, contestant, number, scale)
    return outcome


def _welcome(contest: Contest, peer: str) -> bool:
    return ("url" if "://" in peer else peer) in contest.peers


def _take_turn(outcome: Outcome, contest: Contest, contestant: str, number: int, scale: Scale) -> None:
    _say(f"{contest.name}: round {number + 1}, {contestant}")
    try:
        figures = asyncio.run(_measure(contest, contestant, scale))
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        if contestant == PRODUCT:
            raise
        outcome.absent[contestant] = str(error).partition("\n")[0]
        outcome.rounds.pop(contestant, None)
        _say(f"{contest.name}: {contestant} is left out: {error}")
    else:
        outcome.rounds.setdefault(contestant, []).append(figures)


async def _measure(contest: Contest, contestant: str, scale: Scale) -> dict[str, float]:
    async with targets.start(contestant, contest.setup, scale) as target:
        before = cost.spent(target.root_pid)
        figures = await contest.measure(target, scale)
        after = cost.spent(target.root_pid)
    if target.root_pid:
        figures["cpu_s"] = after.cpu_s - before.cpu_s
        figures["peak_mib"] = after.peak_mib
        figures["peak_mib_without_model_process"] = after.others_mib
        if figures.get("generated_tokens"):
            figures["cpu_s_per_1000_tokens"] = figures["cpu_s"] / figures["generated_tokens"] * 1000
    return figures


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def as_plain(outcome: Outcome) -> dict[str, object]:
    """The outcome for JSON."""
    peers = [name for name in outcome.rounds if name != PRODUCT]
    shared = {
        peer: set(outcome.medians(PRODUCT)) & set(outcome.medians(peer))
        for peer in peers
        if PRODUCT in outcome.rounds
    }
    return {
        "name": outcome.name,
        "about": outcome.about,
        "medians": {name: outcome.medians(name) for name in outcome.rounds},
        "ratios": {
            peer: {figure: outcome.ratio(figure, peer) for figure in sorted(figures)}
            for peer, figures in shared.items()
        },
        "rounds": outcome.rounds,
        "left_out": outcome.absent,
        "bars": [
            {**dataclasses.asdict(verdict.bar), "value": verdict.value, "met": verdict.met}
            for verdict in outcome.verdicts()
        ],
    }
