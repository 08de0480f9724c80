"""The decision: from who, what and the policy to an outcome with its reason. Pure."""

from appliance.core import Decision, Outcome, Permission, Principal
from appliance.policy.documents import PolicySet


def decide(policy: PolicySet, principal: Principal, permission: Permission) -> Decision:
    """Whether this principal may do this. What no role allows is denied."""
    for role in sorted(principal.roles):
        if permission in policy.access.roles.get(role, ()):
            return Decision(Outcome.ALLOWED, (f"access.{role}",), policy_revision=policy.revision)
    return Decision(
        Outcome.BLOCKED,
        ("access.default",),
        reason=f"no role allows {permission}",
        policy_revision=policy.revision,
    )
