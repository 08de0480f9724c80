"""How a mistake in a policy document is said: what is wrong with which key, and what was probably meant."""

from difflib import get_close_matches

from appliance.errors import N_, Said
from appliance.policy.yaml_text import Place, PlainDocument, PolicyError

CHANGE_IT = N_("Change it.")


def remedy(given: object, known: list[str]) -> Said:
    """The word that was probably meant, or all there are."""
    close = get_close_matches(str(given)[:80], known, n=1)
    if close:
        return Said(N_("Did you mean '%(word)s'?"), word=close[0])
    return Said(N_("Known: %(words)s."), words=", ".join(known))


def wrong(document: PlainDocument, place: Place, problem: Said, cure: Said | None = None) -> PolicyError:
    """A key whose value cannot be what it is."""
    return PolicyError(
        N_("%(file)s, line %(line)d: '%(key)s' is wrong: %(problem)s. %(remedy)s"),
        file=document.file,
        line=document.line_of(place),
        key=".".join(str(part) for part in place) or "/",
        problem=problem,
        remedy=cure or Said(CHANGE_IT),
    )
