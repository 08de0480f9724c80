"""What the supervisor finds out about the guard and web writes into the audit log."""

import msgspec

from appliance.egress.proving import ProbeResult
from appliance.egress.report import Level
from appliance.egress.status import Status


class Probed(msgspec.Struct, frozen=True, tag=True):
    """A self-attack. `occasion`: start, daily, console or command line."""

    occasion: str
    result: ProbeResult


class Heartbeat(msgspec.Struct, frozen=True, tag=True):
    """Proof of silence: the guard's state, the census of sockets, what the namespaces have sent."""

    status: Status


class Signed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A signed attestation, to be kept and recorded."""

    note: str
    ok: bool
    level: Level


Found = Probed | Heartbeat | Signed
