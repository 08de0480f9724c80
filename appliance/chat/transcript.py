"""Between the sealed rows of a conversation and its readable messages.

Every method takes the caller's session: reading and writing happen in the caller's transaction.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy.orm import Session

from appliance.chat import store
from appliance.chat.values import Message
from appliance.clock import Clock
from appliance.completions.values import Admitted, Reply
from appliance.core import Principal
from appliance.protocol.messages import Failed, Finished, StreamEvent, Token, Turn
from appliance.storage.vault import Vault

_FINISHED = {"stop", "length", "cancelled", "timeout", "filtered"}
_FAILED = {
    "context_too_long",
    "queue_full",
    "bad_template",
    "bad_request",
    "no_text",
    "internal",
    "lost",
    "crashed",
}


class Transcript:
    """Seals texts on their way to the database and opens them on the way back."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def question(self, text: str) -> Turn:
        return Turn("user", text)

    def add_conversation(self, session: Session, principal: Principal, row_id: str, title: str) -> None:
        now = self._clock.now()
        row = store.ConversationRow(
            id=row_id, user_id=principal.user_id, title=b"", created_at=now, updated_at=now
        )
        row.title = self.seal_title(session, row, title)
        session.add(row)
        session.flush()

    def seal_title(self, session: Session, row: store.ConversationRow, title: str) -> bytes:
        return self._vault.seal(session, row.user_id, "title", row.id, title)

    def title(self, session: Session, row: store.ConversationRow) -> str:
        return self._vault.unseal(session, row.user_id, "title", row.id, row.title)

    def add_exchange(
        self,
        session: Session,
        principal: Principal,
        conversation_id: str,
        question_id: str,
        text: str,
        client_id: str,
        admitted: Admitted,
    ) -> None:
        """The question, and an empty answer in state running under the admission's id."""
        position = store.next_position(session, conversation_id)
        question = self._row(principal, conversation_id, question_id, position, "user", "done")
        question.body = self._vault.seal(session, principal.user_id, "message", question_id, text)
        question.client_id = client_id
        question.detections = admitted.last_turn
        question.screening = _screening(admitted)
        answer = self._row(
            principal, conversation_id, admitted.answer_id, position + 1, "assistant", "running"
        )
        answer.body = self._vault.seal(session, principal.user_id, "message", admitted.answer_id, "")
        session.add_all([question, answer])
        store.touch(session, conversation_id, self._clock.now())

    def store_reply(self, session: Session, answer_id: str, reply: Reply) -> None:
        """Write how the answer ended; nothing if its conversation was deleted meanwhile."""
        row = session.get(store.MessageRow, answer_id)
        if row is None:
            return
        row.body = self._vault.seal(session, row.user_id, "message", row.id, reply.text)
        row.state = reply.state
        row.reason = reply.reason
        row.prompt_tokens = reply.usage.prompt_tokens
        row.completion_tokens = reply.usage.completion_tokens
        row.dropped_turns = reply.dropped_turns
        row.decode_s = reply.decode_s
        row.detections = reply.detections

    def messages(
        self, session: Session, row: store.ConversationRow, running: Collection[str]
    ) -> tuple[Message, ...]:
        """All messages, oldest first. An answer nobody is making any more reads as lost."""
        return tuple(self._message(session, found, running) for found in store.messages(session, row.id))

    def turns(self, session: Session, row: store.ConversationRow) -> tuple[Turn, ...]:
        """The conversation as the model should read it: answered questions and their answers."""
        turns: list[Turn] = []
        question: Turn | None = None
        for found in store.messages(session, row.id):
            turn = Turn(found.role, self._text(session, found))
            if turn.role == "user":
                question = turn
            elif turn.content and question is not None:
                turns += [question, turn]
        return tuple(turns)

    def released(self, session: Session, row: store.ConversationRow) -> frozenset[int]:
        """Which of `turns` were sent as they are, for a reason their writer gave."""
        places: list[int] = []
        place = 0
        question: store.MessageRow | None = None
        for found in store.messages(session, row.id):
            if found.role == "user":
                question = found
            elif question is not None and self._text(session, found):
                if question.screening and question.screening.get("released"):
                    places.append(place)
                place += 2
        return frozenset(places)

    def replay(self, session: Session, row: store.MessageRow) -> tuple[StreamEvent, ...]:
        """A finished answer as the events that would have told it."""
        text = self._text(session, row)
        told: list[StreamEvent] = [Token(row.id, text)] if text else []
        if row.reason in _FINISHED:
            told.append(
                Finished(
                    id=row.id,
                    reason=row.reason,  # type: ignore[arg-type]  # narrowed by the set above
                    prompt_tokens=row.prompt_tokens,
                    completion_tokens=row.completion_tokens,
                    dropped_turns=row.dropped_turns,
                    decode_s=row.decode_s,
                )
            )
        else:
            code = row.reason if row.reason in _FAILED else "lost"
            told.append(Failed(id=row.id, code=code))  # type: ignore[arg-type]  # narrowed as above
        return tuple(told)

    def _message(self, session: Session, row: store.MessageRow, running: Collection[str]) -> Message:
        orphan = row.state == "running" and row.id not in running
        return Message(
            id=row.id,
            role=row.role,
            text=self._text(session, row),
            state="failed" if orphan else row.state,
            reason="lost" if orphan else row.reason,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            dropped_turns=row.dropped_turns,
            decode_s=row.decode_s,
            detections=dict(row.detections),
            created_at=row.created_at,
        )

    def _text(self, session: Session, row: store.MessageRow) -> str:
        return self._vault.unseal(session, row.user_id, "message", row.id, row.body)

    def _row(
        self, principal: Principal, conversation_id: str, row_id: str, position: int, role: str, state: str
    ) -> store.MessageRow:
        return store.MessageRow(
            id=row_id,
            conversation_id=conversation_id,
            user_id=principal.user_id,
            position=position,
            role=role,
            state=state,
            client_id=None,
            reason="",
            prompt_tokens=0,
            completion_tokens=0,
            dropped_turns=0,
            decode_s=0.0,
            detections={},
            created_at=self._clock.now(),
        )


def _screening(admitted: Admitted) -> dict[str, Any] | None:
    """Where something was found in the question, what came of it, and whether its writer released it."""
    if not admitted.spans:
        return None
    spans = [
        [span.start, span.end, span.kind, span.action, list(span.rules), span.hidden]
        for span in admitted.spans
    ]
    return {"spans": spans, "released": admitted.ask.choice == "as_is"}
