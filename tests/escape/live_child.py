"""The product's own child, to the last line, that also runs whatever code the tests hand it.

Only a test's supervisor (live.py) starts this module; the product has no name for it and no way
to ask for code. Everything else is the real thing: the same orders, jail, threads and work.
"""

import os
import sys
from dataclasses import replace
from typing import Any

import msgspec

from appliance.egress import probe
from appliance.egress.attacks.targets import Targets
from appliance.supervisor import attend, child
from appliance.supervisor.spec import ChildSpec

_acts_for = attend.acts_for


class Code(msgspec.Struct):
    """Python source that defines `attack(targets)`; `report`: its answer is wanted, not how it ended."""

    name: str
    source: str
    targets: Targets
    report: bool = False


def run(body: msgspec.Raw, descriptors: list[int]) -> Any:
    """Execute the source here, in the guard's thread of a live and locked process."""
    order = msgspec.json.decode(body, type=Code)
    targets = replace(order.targets, listener=(*descriptors, -1)[0])
    names: dict[str, Any] = {}
    try:
        exec(compile(order.source, order.name, "exec"), names)  # noqa: S102 - that is what an intruder has
        if order.report:
            return names["attack"](targets)
        return probe.attempt(order.name, targets, names["attack"])
    finally:
        for number in descriptors:
            os.close(number)


def acts_for(spec: ChildSpec) -> dict[str, attend.Act]:
    return _acts_for(spec) | {"run": run}


if __name__ == "__main__":
    attend.acts_for = acts_for
    sys.exit(child.main())
