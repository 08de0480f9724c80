"""Locks this process, once, for good, before it reads a request or imports anything heavy.

The order is forced: namespaces need rights that privileges.py then gives up; Landlock and
seccomp need no_new_privs; Landlock holds for one thread, so there must be only one; seccomp
comes last because it forbids the calls that lay the other layers.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from appliance.egress import census, environment, landlock, mounts, namespaces, privileges, seccomp
from appliance.egress.mounts import Right
from appliance.egress.profiles import NULL, Profile
from appliance.egress.report import GuardReport, Layer

Step = Callable[[Profile], Iterable[Layer]]


def _prepare(profile: Profile) -> Iterable[Layer]:
    environment.scrub()
    known = census.take_own() if profile.descriptors is None else census.take(profile.descriptors)
    if profile.witness is not None:
        profile.witness.open_memory()  # while this process may still be looked at
    return known, privileges.set_limits(writes=profile.writable != (NULL,))


def _isolate(profile: Profile) -> Iterable[Layer]:
    network = namespaces.isolate(profile.network, profile.user)
    if network.required and not network.active:
        return network, Layer(mounts.LAYER, False, "needs a namespace of its own")
    return network, mounts.furnish(_rights(profile), profile.shown)


def _give_up(profile: Profile) -> Iterable[Layer]:
    return (privileges.drop_all(profile.user),)


def _files(profile: Profile) -> Iterable[Layer]:
    readable = (*profile.readable, *profile.shown)
    return landlock.restrict(readable, profile.writable, profile.ports, profile.sockets)


def _calls(profile: Profile) -> Iterable[Layer]:
    witness = profile.witness
    return seccomp.install(profile.calls, None if witness is None else witness.testify)


def _rights(profile: Profile) -> dict[Path, Right]:
    return (
        dict.fromkeys(profile.readable, Right.READ)
        | dict.fromkeys(profile.writable, Right.WRITE)
        | dict.fromkeys(profile.hidden, Right.HIDDEN)
    )


STEPS: tuple[Step, ...] = (_prepare, _isolate, _give_up, _files, _calls)


def close(profile: Profile, steps: tuple[Step, ...] = STEPS) -> GuardReport:
    """Close the jail over this process and tell which walls stand. There is no way back.

    Raises ConfigError when the process has an open file or a thread it must not have. What
    the kernel does not offer is left out and reported; the caller compares the level with
    the one it was told to demand. Tests leave out steps to see what each is good for.
    """
    return GuardReport(profile.name, tuple(layer for step in steps for layer in step(profile)))
