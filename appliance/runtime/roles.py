"""Conversations for templates that know only a user and an assistant who take turns.

Gemma's and Mistral's templates refuse a system turn, others leave it out in silence; both refuse
two turns of one person after another. What would be refused is said in the person's next turn.
"""

from collections.abc import Sequence

from appliance.protocol.messages import Turn

SYSTEM = "system"


def without_system(turns: Sequence[Turn]) -> list[Turn]:
    """Every system turn's text at the head of the user's turn that follows; of its own if none does."""
    folded: list[Turn] = []
    waiting: list[str] = []
    for turn in turns:
        if turn.role == SYSTEM:
            waiting.append(turn.content)
        elif turn.role == "user" and waiting:
            folded.append(Turn("user", "\n\n".join([*waiting, turn.content])))
            waiting = []
        else:
            folded.append(turn)
    return [*folded, Turn("user", "\n\n".join(waiting))] if waiting else folded


def taking_turns(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbouring turns of one role as one, and a user's turn first."""
    merged: list[Turn] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if last is not None and last.role == turn.role and not (last.calls or turn.calls):
            merged[-1] = Turn(turn.role, f"{last.content}\n\n{turn.content}")
        else:
            merged.append(turn)
    leads = next((at for at, turn in enumerate(merged) if turn.role != "assistant"), len(merged))
    return merged[leads:]
