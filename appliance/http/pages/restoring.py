"""Giving masked values back to whoever wrote them, where a rule says `restore: true`."""

from appliance.chat.values import Conversation
from appliance.core import Principal
from appliance.http.services import Services
from appliance.policy.pseudonyms import Restorer, restorable


def restorer(services: Services, person: Principal, conversation: Conversation) -> Restorer:
    """For the answers of one conversation of this person."""
    policy = services.gate.policy
    if not any(rule.restore for rule in policy.parts.dlp.rules):
        return Restorer({})
    questions = services.library.questions(person, conversation.id)
    today = services.clock.now().date()
    return Restorer(restorable(questions, policy, policy.rulings(person), today))


def restorer_for(services: Services, person: Principal, conversation_id: str) -> Restorer:
    """The same by the conversation's id. NotFound for somebody else's."""
    if not any(rule.restore for rule in services.gate.policy.parts.dlp.rules):
        return Restorer({})
    return restorer(services, person, services.library.open(person, conversation_id))
