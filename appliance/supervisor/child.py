"""A child's first and last act: read the orders, close the jail, become the role.

Nothing heavy is imported before the jail is closed: the process must still have one thread
(Landlock is per thread) and no open file it was not given.
"""

import logging
import os
import socket
import sys

import msgspec

from appliance import logs
from appliance.clock import SystemClock
from appliance.egress import jail
from appliance.egress.profiles import profile_for
from appliance.egress.report import LEVELS, GuardReport
from appliance.errors import N_, ConfigError, NaesilError, Unavailable
from appliance.extractor import limits
from appliance.supervisor import attend
from appliance.supervisor.spec import (
    EXIT_UNAVAILABLE,
    ChildSpec,
    Context,
    Report,
    decode_spec,
    encode_report,
    send_report,
)

EXIT_CANNOT_START = 3
EXIT_OUR_FAULT = 70
log = logging.getLogger(__name__)

BEHIND = 5  # the model takes every core it gets; pages, log and queue need theirs for moments only


def main() -> int:
    """Run one role to its end; the exit status for the supervisor."""
    spec = decode_spec(sys.stdin.buffer.read())
    with open(os.devnull, "rb") as null:  # noqa: PTH123 - a descriptor is wanted, not a path
        os.dup2(null.fileno(), 0)
    logs.start(spec.settings.log_level, spec.settings.log_format, spec.role)
    if spec.role in ("runtime", "extractor"):
        os.nice(BEHIND)
    if spec.role == "extractor":
        limits.lay()
    try:
        profile = profile_for(spec, lambda *trap: _hand_over(spec, trap))
        guard = jail.close(profile)
        _report(spec, Report(process=spec.role, guard=guard.level, detail=guard.to_json()))
        demand(spec.role, guard, spec.settings.guard)
        attend.start(
            spec.status, spec.role, attend.acts_for(spec), receives="recvmsg" in profile.calls.allowed
        )
        _become(spec)
    except NaesilError as error:
        _report(spec, Report(process=spec.role, error=str(error)))
        return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_CANNOT_START
    except Exception as error:
        # the process's outermost edge: one line for the operator, the trace only when asked for
        log.error(
            "%s stopped on %s", spec.role, type(error).__name__, exc_info=log.isEnabledFor(logging.DEBUG)
        )
        return EXIT_OUR_FAULT
    return 0


def demand(process: str, guard: GuardReport, wanted: str) -> None:
    """Raise ConfigError when a jail is weaker than what the policy or the operator demands."""
    if LEVELS.index(guard.level) < LEVELS.index(wanted):
        raise ConfigError(
            N_(
                "The guard around %(process)s reaches only '%(level)s' here, but '%(wanted)s' is "
                "demanded. Run 'appliance doctor' to see what is missing, or lower minimum_level in "
                "policies/egress.yaml and leave out --guard."
            ),
            process=process,
            level=guard.level,
            wanted=wanted,
        )


def _become(spec: ChildSpec) -> None:
    peer = socket.socket(fileno=spec.peer)
    if spec.role == "runtime":
        from appliance.runtime import process  # noqa: PLC0415 - only behind the closed jail

        try:
            if spec.runtime is not None:
                process.main(peer, spec.runtime, lambda *context: _loaded(spec, *context))
        except process.CannotServe as error:
            raise ConfigError(N_("The model cannot be used: %(reason)s."), reason=error.reason) from None
    elif spec.role == "sealer":
        from appliance.egress import sealer  # noqa: PLC0415 - only behind the closed jail

        sealer.serve(peer, spec.settings.keys_folder)
    elif spec.role == "gate":
        from appliance.egress import gate  # noqa: PLC0415 - only behind the closed jail

        gate.serve(peer, spec.destinations, SystemClock())
    elif spec.role == "broker":
        from appliance.egress import broker  # noqa: PLC0415 - only behind the closed jail

        broker.serve(peer, spec.destinations, SystemClock())
    elif spec.role == "extractor":
        from appliance.extractor import process as reader  # noqa: PLC0415 - only behind the closed jail

        reader.main(peer)
    elif spec.role == "post":
        from appliance.egress import post  # noqa: PLC0415 - only behind the closed jail

        post.serve(peer)
    else:
        from appliance.supervisor import web  # noqa: PLC0415 - only behind the closed jail

        web.main(spec, peer)


def _hand_over(spec: ChildSpec, trap: tuple[int, int]) -> None:
    """Our trapped calls and our memory, to the supervisor, which shows them to the gate."""
    with socket.socket(fileno=os.dup(spec.peer)) as control:
        send_report(control, Report(attach="gate"), *trap)


def _loaded(spec: ChildSpec, n_ctx: int, n_ctx_wanted: int) -> None:
    body = msgspec.Raw(msgspec.json.encode(Context(n_ctx, n_ctx_wanted)))
    _report(spec, Report(process=spec.role, ready=True, body=body))


def _report(spec: ChildSpec, report: Report) -> None:
    os.write(spec.status, encode_report(report))


if __name__ == "__main__":
    sys.exit(main())
