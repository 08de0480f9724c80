"""What the policy in force says to the audit log's own services, in their words."""

from appliance.audit.cosigning import NamedWitness
from appliance.audit.forward import Receiver
from appliance.audit.review import Thresholds
from appliance.audit.schedule import Plan
from appliance.evidence.auditorkey import AuditorKey
from appliance.policy.audit import EVERY
from appliance.policy.model import PolicySet


def plan(policy: PolicySet) -> Plan | None:
    """The scheduled export, if there is one."""
    export = policy.parts.audit.export
    return None if export is None else Plan(export.directory, export.every, export.keep)


def auditors(policy: PolicySet) -> tuple[AuditorKey, ...]:
    """To whom texts are sealed: nobody, unless audit.yaml says `content: sealed`."""
    audit = policy.parts.audit
    return tuple(AuditorKey.parse(key) for key in audit.auditors) if audit.content == "sealed" else ()


def receiver(policy: PolicySet) -> Receiver | None:
    """Who receives the log over syslog, if anybody does."""
    syslog = policy.parts.audit.syslog
    return None if syslog is None else Receiver(syslog.host, syslog.port, syslog.ca)


def witnesses(policy: PolicySet) -> tuple[NamedWitness, ...]:
    """Who is asked to cosign our checkpoints."""
    return tuple(
        NamedWitness(one.name, one.key, one.host, one.port, one.prefix, EVERY[one.every], one.ca or "")
        for one in policy.parts.audit.witnesses
    )


def thresholds(policy: PolicySet) -> Thresholds:
    """What the monthly review points at."""
    limits = policy.parts.audit.review
    return Thresholds(
        night_from=limits.night_from,
        night_to=limits.night_to,
        night_uses=limits.night_uses,
        exports_a_day=limits.exports_a_day,
        blocks=limits.blocks,
        failures=limits.failed_sign_ins,
    )
