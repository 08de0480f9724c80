"""Names of egress.yaml become addresses, once, before any process that may dial exists.

What a name means later does not matter any more: an attacker who comes to own the name server
moves nothing.
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path

from appliance.egress.naming import Lookup, system_lookup
from appliance.errors import N_
from appliance.policy.egress import Egress, EgressDestination, is_denied, why_unfit
from appliance.policy.egress_file import load_egress
from appliance.policy.yaml_text import PlainDocument, PolicyError
from appliance.protocol.egress import Destination


def load_destinations(
    folder: Path, override: Path | None = None, lookup: Lookup | None = None
) -> tuple[Egress, tuple[Destination, ...]]:
    """The egress policy and its destinations with their addresses. Raises PolicyError."""
    egress, document = load_egress(folder, override)
    found, problems = resolve(egress, document, lookup or system_lookup)
    if problems:
        raise problems[0]
    return egress, found


def unresolved(folder: Path, override: Path | None = None) -> tuple[PolicyError, ...]:
    """Every destination of a valid egress.yaml that this machine cannot name or must not dial."""
    egress, document = load_egress(folder, override)
    return tuple(resolve(egress, document, system_lookup)[1])


def resolve(
    egress: Egress, document: PlainDocument, lookup: Lookup
) -> tuple[tuple[Destination, ...], list[PolicyError]]:
    """The destinations that have addresses, and what is wrong with the others."""
    found, problems = [], []
    for at, wanted in enumerate(egress.destinations):
        try:
            addresses, canonical = lookup(wanted.host, wanted.port)
            problem = _problem(wanted, addresses, canonical, egress.always_denied)
        except (OSError, UnicodeError):
            addresses, problem = (), N_("this name has no address here")
        if problem:
            problems.append(
                PolicyError(
                    N_("%(file)s, line %(line)d: %(host)s: %(problem)s. Correct the name, or remove it."),
                    file=document.file,
                    line=document.line_of(("destinations", at, "host")),
                    host=wanted.host,
                    problem=lambda translate, text=problem: translate(text),
                )
            )
        else:
            found.append(_destination(wanted, addresses))
    return tuple(found), problems


def _destination(wanted: EgressDestination, addresses: tuple[str, ...]) -> Destination:
    return Destination(
        name=wanted.name,
        host=wanted.host,
        port=wanted.port,
        protocol=wanted.protocol,
        addresses=addresses,
        connections=wanted.connections,
        idle_seconds=wanted.idle_seconds,
        total_seconds=wanted.total_seconds,
    )


def _problem(
    wanted: EgressDestination, addresses: Iterable[str], canonical: str, denied: Iterable[str]
) -> str:
    parsed = [ipaddress.ip_address(address) for address in addresses]
    if not parsed:
        return N_("this name has no address here")
    if is_denied(canonical, denied):
        return N_("this is another name of a public AI service")
    if any(why_unfit(address) for address in parsed):
        return N_("this name leads to an address that cannot be dialled (link-local, multicast or none)")
    literal = {str(address) for address in parsed} == {wanted.host}
    if any(address.is_loopback for address in parsed) and not literal and wanted.host != "localhost":
        return N_("this name leads to this machine itself; write 127.0.0.1 if that is meant")
    return ""
