"""What an answer is made with: a setting of the model, or an assistant. Known by a short id."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy.orm import Session

from appliance.chat.assistants import Assistant, Assistants
from appliance.core import DataClass, Principal
from appliance.protocol.messages import PUBLIC, Sampling, Turn

STANDARD = "standard"
MODEL = "model:"  # and a name: the standard setting, of the model that answered in a comparison
_STANDARD = Sampling(temperature=0.6, top_p=0.95, repeat_penalty=1.05)
SETTINGS: Mapping[str, Sampling] = MappingProxyType(
    {
        STANDARD: _STANDARD,
        "precise": Sampling(temperature=0.2, top_p=0.9, repeat_penalty=1.05),
        "free": Sampling(temperature=1.0, top_p=0.98, repeat_penalty=1.05),
    }
)


@dataclass(frozen=True, slots=True)
class Maker:
    """`assistant` None: just the model with this sampling."""

    id: str
    sampling: Sampling
    assistant: Assistant | None = None

    @property
    def system(self) -> tuple[Turn, ...]:
        """The instructions as the leading turn, if there are any."""
        return () if self.assistant is None else (Turn("system", self.assistant.made_of.instructions),)

    @property
    def prefix_scope(self) -> str:
        """Who shares what the model remembers of `system`: everybody only for an administrator's text."""
        return PUBLIC if self.assistant is not None and self.assistant.public else ""

    @property
    def policy_name(self) -> str:
        """The name that access rules go by; a person's own assistant cannot take one."""
        return self.assistant.made_of.name if self.assistant is not None and self.assistant.public else ""

    @property
    def data_class(self) -> DataClass:
        return DataClass.OPEN if self.assistant is None else self.assistant.made_of.data_class

    @property
    def model(self) -> str:
        """The model it must be; empty for any."""
        return "" if self.assistant is None else self.assistant.made_of.model


def maker_in(session: Session, assistants: Assistants, principal: Principal, maker_id: str) -> Maker:
    """The setting or assistant of this id; empty is the standard. NotFound for one not theirs to use."""
    if maker_id.startswith(MODEL):
        return Maker(maker_id, _STANDARD)
    if not maker_id or maker_id in SETTINGS:
        return Maker(maker_id or STANDARD, SETTINGS[maker_id or STANDARD])
    assistant = assistants.get_in(session, principal, maker_id)
    made_of = assistant.made_of
    sampling = Sampling(
        temperature=made_of.temperature,
        top_p=made_of.top_p,
        repeat_penalty=_STANDARD.repeat_penalty,
        max_tokens=made_of.max_tokens or None,
    )
    return Maker(assistant.id, sampling, assistant)
