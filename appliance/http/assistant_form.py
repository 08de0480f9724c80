"""The form of an assistant, for its maker's page and for the console's."""

from appliance.chat.assistants import COLOURS, AssistantDraft
from appliance.core import DataClass
from appliance.errors import N_, InvalidInput
from appliance.http import phrases
from appliance.http.forms import Form, data_class
from appliance.http.services import Services
from appliance.i18n import Translator

EMPTY = AssistantDraft(name="", instructions="")


def choices(services: Services, words: Translator) -> dict[str, object]:
    """What the form of an assistant offers."""
    return {
        "colours": phrases.colours(COLOURS, words),
        "classes": phrases.classes(DataClass.OPEN, words),
        "models": [model.name for model in services.models.shelf().models],
    }


def read(form: Form) -> AssistantDraft:
    """The assistant in a form. InvalidInput for a number or class that is none."""
    try:
        temperature, top_p = float(form["temperature"] or 0.6), float(form["top_p"] or 0.95)
        max_tokens = int(form["max_tokens"] or 0)
    except ValueError:
        raise InvalidInput(N_("Temperature, top-p and the longest answer are numbers.")) from None
    return AssistantDraft(
        name=form["name"],
        description=form["description"],
        letter=form["letter"],
        colour=form["colour"] or "grey",
        instructions=form["instructions"],
        model=form["model"],
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        starters=tuple(form["starters"].splitlines()),
        groups=frozenset(line.strip() for line in form["groups"].splitlines() if line.strip()),
        data_class=data_class(form["data_class"] or DataClass.OPEN),
    )
