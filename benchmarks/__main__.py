"""python -m benchmarks [WORKLOAD ...]: run them, print a table, write JSON and a chart.

Without a workload: all of them but the long ones. `--list` shows what there is.
"""

import argparse
import sys
from pathlib import Path

from appliance.config import Settings
from appliance.errors import NaesilError
from appliance.inference.registry import resolve
from benchmarks import compete, registry, report
from benchmarks.prepare import tuned_model
from benchmarks.registry import Scale

RESULTS = Path(__file__).parent / "results"
LONG = ("crowd",)
PEERS = ("engine", "xllamacpp", "llama-server")


def main() -> int:
    """0 when everything ran; with --strict 1 when a bar was missed; 2 for wrong use."""
    every = registry.every()
    options = _parser().parse_args()
    if options.list:
        for workload in every.values():
            print(f"{workload.name:16} {workload.about}")
        return 0
    wanted = options.workload or [name for name in every if name not in LONG]
    if unknown := [name for name in wanted if name not in every]:
        print(f"No workload called {', '.join(unknown)}. There are: {', '.join(every)}.", file=sys.stderr)
        return 2
    try:
        given = Settings(data=Path("/nonexistent"), model=options.model)
        model = resolve(given).path if options.model or options.quick else tuned_model()
    except NaesilError as error:
        print(error, file=sys.stderr)
        return 2
    scale = Scale(model, options.quick, options.minutes)
    about_machine = report.machine()
    peers = tuple(options.peer) if options.peer is not None else PEERS
    outcomes = []
    for name in wanted:
        outcomes.append(compete.run(every[name], peers, options.rounds, scale))
        print("\n".join(report.table(outcomes[-1:])), flush=True)  # a run cut short has said this much
    print(f"\n{report.write(outcomes, scale, about_machine, options.out)}")
    missed = any(verdict.met is False for outcome in outcomes for verdict in outcome.verdicts())
    return 1 if options.strict and missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workload", nargs="*")
    parser.add_argument("--list", action="store_true", help="show the workloads")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (3)")
    parser.add_argument(
        "--peer",
        action="append",
        help=f"{', '.join(PEERS)} or the base address of an OpenAI-compatible server; may be repeated; "
        "'none' for the product alone (all but addresses)",
    )
    parser.add_argument(
        "--model", default="", help="GGUF file for everybody (the embedded one, as tuned here)"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long workloads (10)")
    parser.add_argument("--quick", action="store_true", help="only see that it works; figures say nothing")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is missed")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for results (benchmarks/results)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
