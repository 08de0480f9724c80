"""The outer wall: a systemd unit and an nftables table, written for one installation.

The product's own layers do not rely on either. They are a second opinion by another hand: what
the jail should have stopped, the machine's own firewall stops and counts.
"""

import ipaddress
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.protocol.egress import Destination

UNIT_FILE, TABLE_FILE = "naesil.service", "naesil.nft"


@dataclass(frozen=True, slots=True)
class Site:
    """What the files must know. `libraries`: Python and the product, wherever they lie.

    `name_servers` are asked once, at the start, when a name is named.
    """

    program: Path
    data: Path
    user: str
    destinations: tuple[Destination, ...]
    name_servers: tuple[str, ...] = ()
    libraries: tuple[Path, ...] = ()


def unit(site: Site) -> str:
    """The systemd unit (systemd.service(5), systemd.exec(5)), for an unprivileged user."""
    readable = "\n".join(f"BindReadOnlyPaths={_quoted(path)}" for path in site.libraries)
    return f"""\
# Naesil as a service. Written by `appliance egress rules`; the reasons are in docs/hardening.md.
[Unit]
Description=Naesil, the assistant that never leaves the building
Wants=network-online.target nftables.service
After=network-online.target nftables.service

[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=300
WatchdogSec=60
ExecStart={_quoted(site.program)} serve --data {_quoted(site.data)}
User={site.user}
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2
TimeoutStopSec=45
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=tmpfs
{readable}
ReadWritePaths={_quoted(site.data)}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectProc=invisible
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
KeyringMode=private
# The product makes user, network, mount and IPC namespaces for its own jails, and no others.
RestrictNamespaces=user net mnt ipc
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service @mount unshare capset seccomp
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def table(site: Site) -> str:
    """The nftables file (nft(8)): of what the product's user begins, only what is named leaves."""
    lines = [_named(ip, one) for one in site.destinations for ip in one.addresses]
    if any(_is_name(one) for one in site.destinations):
        lines += _name_lookups(site.name_servers)
    named = "\n        ".join(lines) or "# as egress.yaml says: nothing may be dialled"
    return f"""\
#!/usr/sbin/nft -f
# The outer wall of Naesil. Written by `appliance egress rules`; load it with: nft -f {TABLE_FILE}
# See what was stopped with: nft list counter inet naesil stopped
table inet naesil
delete table inet naesil
table inet naesil {{
    counter stopped {{ }}

    chain output {{
        type filter hook output priority filter; policy accept;
        meta skuid != "{site.user}" return
        ct state established,related accept comment "answers to clients, and named connections"
        {named}
        counter name stopped log prefix "naesil-egress " level warn
        reject with icmpx admin-prohibited
    }}
}}
"""


def libraries() -> tuple[Path, ...]:
    """Where this Python and this product are, as far as that is not the system's own place."""
    places = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
    return tuple(dict.fromkeys(path for path in places if not path.is_relative_to("/usr")))


def name_servers(resolv_conf: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The machine's name servers, as far as the file names addresses."""
    try:
        lines = resolv_conf.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    return tuple(line[1] for line in words if len(line) > 1 and line[0] == "nameserver" and _ip(line[1]))


def _named(ip: str, one: Destination) -> str:
    return f'{_family(ip)} daddr {ip} tcp dport {one.port} accept comment "{one.name}"'


def _name_lookups(servers: Iterable[str]) -> list[str]:
    """Names are looked up by the broker's keeper, once, before it is locked."""
    found = []
    for ip in servers:
        family = _family(ip)
        found += [f'{family} daddr {ip} {kind} dport 53 accept comment "names"' for kind in ("udp", "tcp")]
    return found


def _is_name(one: Destination) -> bool:
    return one.host not in one.addresses


def _family(ip: str) -> str:
    return "ip6" if ":" in ip else "ip"


def _ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _quoted(path: Path) -> str:
    """For a unit file: percent signs are specifiers there, and a space ends a word."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if " " in text else text
