"""policies/egress.yaml: the destinations that may be dialled, and what is no destination at all.

Every rule here says no by itself: a wildcard, a range of ports, an address written in an odd
way or a public AI service never becomes a Destination, whoever asks.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from appliance.errors import N_, Said
from appliance.policy.yaml_text import Place

LONGEST_NAME = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)")

Protocol = Literal["postgresql", "ldap", "ldaps", "http", "https", "syslog", "smtp", "tcp"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EgressDestination(_Document):
    """One host and one port, why it may be dialled, and who decided so."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="Short name for the log.")]
    host: Annotated[str, Field(max_length=LONGEST_NAME, description="A name or an address.")]
    port: Annotated[int, Field(ge=1, le=65535, description="One TCP port.")]
    protocol: Annotated[Protocol, Field(description="What is spoken there.")]
    purpose: Annotated[str, Field(min_length=1, max_length=300, description="Why it is needed.")]
    approver: Annotated[str, Field(min_length=1, max_length=100, description="Who decided it.")]
    connections: Annotated[int, Field(ge=1, le=1024, description="Connections at a time.")] = 64
    idle_seconds: Annotated[int, Field(ge=1, le=604_800, description="A silent one is ended.")] = 3600
    total_seconds: Annotated[int, Field(ge=1, le=604_800, description="Any one is ended.")] = 86_400

    @field_validator("port", mode="before")
    @classmethod
    def _one_port(cls, value: Any) -> Any:
        if isinstance(value, str | list):
            raise ValueError(N_("one port is wanted, a number: no range, no list, no wildcard"))
        return value

    @field_validator("host")
    @classmethod
    def _one_host(cls, value: str) -> str:
        return plain_host(value)


class Egress(_Document):
    """policies/egress.yaml: where the product may dial, and how tight the guard must be."""

    version: Literal[1]
    minimum_level: Literal["kernel", "partial", "off"] = Field(
        default="kernel", description="Lowest level of the guard at which the product may serve."
    )
    destinations: tuple[EgressDestination, ...] = Field(default=(), max_length=64)
    always_denied: tuple[Annotated[str, Field(max_length=LONGEST_NAME)], ...] = Field(
        default=(), max_length=10_000, description="Names that are never destinations, with all below them."
    )

    @field_validator("always_denied")
    @classmethod
    def _plain_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(plain_host(name) for name in value)


def plain_host(value: str) -> str:
    """The host in lower case without a final dot. ValueError for what is not one host."""
    host = value.lower().removesuffix(".")
    if "*" in host or "?" in host:
        raise ValueError(N_("a wildcard is not a destination: name one host"))
    if ":" in host and "/" not in host:
        return _address(host)
    labels = host.split(".")
    if len(host) > LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            N_(
                "one host name (a-z, 0-9, hyphen; xn-- for others) or one address is wanted, without "
                "scheme, port or path"
            )
        )
    if _NUMBERS.fullmatch(labels[-1]):  # what some resolvers take for an address: 127.1, 0x7f.0.0.1
        return _address(host)
    return host


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(N_("this is neither a host name nor an IPv4 or IPv6 address")) from None
    if unfit := why_unfit(address):
        raise ValueError(unfit)
    return str(address)


def why_unfit(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Why an address can be nobody's, or nothing when it can be dialled."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return N_("write a mapped IPv4 address as IPv4")
    if address.is_unspecified or address.is_multicast or address == ipaddress.ip_address("255.255.255.255"):
        return N_("this address is not one machine's")
    return N_("link-local addresses (cloud metadata among them) are refused") if address.is_link_local else ""


def is_denied(host: str, denied: Iterable[str]) -> bool:
    """Whether a name is a public AI service's, or below one."""
    return any(host == name or host.endswith(f".{name}") for name in denied)


def with_denied(egress: Egress, denied: Iterable[str]) -> Egress:
    """The same policy with more names that are always denied."""
    return egress.model_copy(update={"always_denied": tuple(dict.fromkeys((*egress.always_denied, *denied)))})


def contradictions(egress: Egress) -> list[tuple[Place, Said, Said]]:
    """What is wrong between the parts: (place in the document, problem, remedy)."""
    found: list[tuple[Place, Said, Said]] = []
    names: set[str] = set()
    for at, destination in enumerate(egress.destinations):
        if is_denied(destination.host, egress.always_denied):
            problem = Said(
                N_("%(host)s is a public AI service, which is always denied"), host=destination.host
            )
            found.append((("destinations", at, "host"), problem, Said(N_("Remove this destination."))))
        if destination.name in names:
            problem = Said(N_("the name %(name)s is used twice"), name=destination.name)
            found.append((("destinations", at, "name"), problem, Said(N_("Choose another."))))
        names.add(destination.name)
    return found
