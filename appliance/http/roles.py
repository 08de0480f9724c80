"""What pages call the roles: the four built-in ones in our words, the house's own in the policy's."""

from appliance.core import Role
from appliance.errors import N_
from appliance.http.forms import Form
from appliance.i18n import Translator
from appliance.policy.model import PolicySet

BUILT_IN = {
    Role.ADMINISTRATOR: N_("System administrator"),
    Role.POLICY_ADMINISTRATOR: N_("Policy administrator"),
    Role.AUDITOR: N_("Auditor"),
    Role.MEMBER: N_("Member"),
}


def titles(policy: PolicySet, words: Translator) -> dict[str, str]:
    """Role -> its title in the reader's language, in the policy's order."""
    own = {role.name: getattr(role.title, words.language) for role in policy.access.roles}
    return {str(role): words(title) for role, title in BUILT_IN.items()} | own


def chosen(form: Form, policy: PolicySet) -> frozenset[str]:
    """The roles whose boxes are ticked."""
    return frozenset(role for role in policy.roles if form[f"role-{role}"])
