"""What a change of the policies may not do: lock people out, or raise whoever made it."""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy.orm import Session

from appliance.core import Permission, Principal
from appliance.errors import N_, Conflict, Forbidden
from appliance.policy.decide import decide
from appliance.policy.model import PolicySet

KEPT = (Permission.POLICY_READ, Permission.POLICY_EDIT, Permission.POLICY_ACTIVATE)


def guard(
    actor: Principal, makers: Collection[str], people: Sequence[Principal], before: PolicySet
) -> Callable[[Session, PolicySet], None]:
    """A check of the set that is about to replace `before`; it raises Conflict or Forbidden.

    `makers` are the ids of those who wrote or activate it, but for anyone whose work somebody
    else approved: under the new set they may do nothing that they may not do already.
    """

    def check(_session: Session, policy: PolicySet) -> None:
        if actor.kind == "user" and not all(decide(policy, actor, one).permitted for one in KEPT):
            raise Conflict(N_("You would lock yourself out of the policies, so nothing was changed."))
        for permission in (Permission.USER_MANAGE, Permission.POLICY_ACTIVATE):
            had = any(decide(before, one, permission).permitted for one in people)
            if had and not any(decide(policy, one, permission).permitted for one in people):
                raise Conflict(
                    N_("Nobody would have %(permission)s any more, so nothing was changed."),
                    permission=permission,
                )
        for person in people:
            if person.user_id in makers:
                _not_raised(person, before, policy)

    return check


def _not_raised(person: Principal, before: PolicySet, after: PolicySet) -> None:
    for permission in Permission:
        if decide(after, person, permission).permitted and not decide(before, person, permission).permitted:
            raise Forbidden(
                N_(
                    "This would give %(permission)s to whoever wrote or activates it. "
                    "Propose the draft and let somebody else approve it."
                ),
                permission=permission,
            )
