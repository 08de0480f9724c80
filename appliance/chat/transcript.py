"""Between the sealed rows of a conversation and its readable messages.

Every method takes the caller's session: reading and writing happen in the caller's transaction.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from appliance.chat import store
from appliance.chat.enclosing import Enclosed, enclose
from appliance.chat.filing import Filing, kept_in, kept_of
from appliance.chat.sealing import Sealing
from appliance.chat.tree import Branch, Node, Tree
from appliance.chat.values import Message, Screened
from appliance.clock import Clock
from appliance.completions.values import Admitted, Reply
from appliance.core import Principal
from appliance.protocol.messages import Failed, Finished, StreamEvent, Token, Turn
from appliance.storage.textkey import TextKey
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new question, or one more answer to an old one, goes in the tree."""

    user_id: str
    conversation_id: str
    question_id: str
    parent_id: str | None
    client_id: str
    maker: str = "standard"


class Rows:
    """The rows of one conversation as a tree."""

    def __init__(self, rows: Sequence[store.MessageRow]) -> None:
        self._rows = {row.id: row for row in rows}
        self._nodes = {row.id: Node(row.id, row.parent_id, row.position) for row in rows}
        self._tree = Tree(self._nodes.values())

    def get(self, message_id: str) -> store.MessageRow | None:
        return self._rows.get(message_id)

    def path(self, leaf_id: str | None) -> list[store.MessageRow]:
        """From the first message to this one; without one, to the end of the newest branch."""
        return [self._rows[node.id] for node in self._tree.path(leaf_id)]

    def branch(self, row: store.MessageRow) -> Branch:
        return self._tree.branch(self._nodes[row.id])

    def end_of(self, row: store.MessageRow) -> store.MessageRow:
        """The last message of the newest branch below this one."""
        return self._rows[self._tree.end_of(self._nodes[row.id]).id]


class Transcript:
    """Seals texts on their way to the database and opens them on the way back."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self.sealing = Sealing(vault)
        self._filing = Filing(vault)
        self._clock = clock

    def question(self, text: str, files: Sequence[Enclosed] = ()) -> Turn:
        return Turn("user", enclose(files) + text)

    def files(self, session: Session, row: store.MessageRow) -> tuple[Enclosed, ...]:
        """What went with a question."""
        kept = kept_in(row)
        return self._filing.enclosed(session, row.user_id, kept) if kept else ()

    def add_conversation(self, session: Session, principal: Principal, row_id: str, title: str) -> None:
        now = self._clock.now()
        row = store.ConversationRow(
            id=row_id, user_id=principal.user_id, title=b"", created_at=now, updated_at=now
        )
        self.sealing.begin(session, row, title)

    def seal_title(self, session: Session, row: store.ConversationRow, title: str) -> bytes:
        return self.sealing.writing(session, row.user_id, row.id).seal("title", row.id, title)

    def title(self, session: Session, row: store.ConversationRow) -> str:
        return self.sealing.reading(session, row.user_id, row.id).unseal("title", row.id, row.title)

    def add_exchange(
        self, session: Session, place: Place, text: str, admitted: Admitted, files: Sequence[Enclosed] = ()
    ) -> None:
        """The question, and an empty answer in state running under the admission's id."""
        question = self._row(session, place, place.question_id, "user")
        question.parent_id = place.parent_id
        question.body = self._key_at(session, place).seal("message", question.id, text)
        question.client_id = place.client_id
        question.detections = admitted.last_turn
        question.screening = _screening(admitted)
        question.attachments = kept_of(files)
        session.add(question)
        session.flush()
        self._add_answer(session, place, admitted.answer_id, client_id=None)

    def add_another_answer(self, session: Session, place: Place, admitted: Admitted) -> None:
        """One more answer to a question that is there, beside those it has."""
        self._add_answer(session, place, admitted.answer_id, client_id=place.client_id)

    def _add_answer(self, session: Session, place: Place, answer_id: str, *, client_id: str | None) -> None:
        answer = self._row(session, place, answer_id, "assistant")
        answer.parent_id, answer.client_id = place.question_id, client_id
        answer.state, answer.maker = "running", place.maker
        answer.body = self._key_at(session, place).seal("message", answer_id, "")
        session.add(answer)
        store.touch(session, place.conversation_id, self._clock.now(), leaf_id=answer_id)

    def store_reply(self, session: Session, answer_id: str, reply: Reply) -> None:
        """Write how the answer ended; nothing if its conversation was deleted meanwhile."""
        row = session.get(store.MessageRow, answer_id)
        if row is None:
            return
        key = self.sealing.writing(session, row.user_id, row.conversation_id)
        row.body = key.seal("message", row.id, reply.text)
        if reply.reasoning:
            row.reasoning = key.seal("reasoning", row.id, reply.reasoning)
        row.state = reply.state
        row.reason = reply.reason
        row.prompt_tokens = reply.usage.prompt_tokens
        row.completion_tokens = reply.usage.completion_tokens
        row.dropped_turns = reply.dropped_turns
        row.decode_s = reply.decode_s
        row.reasoning_s = reply.reasoning_s
        row.detections = reply.detections

    def messages(
        self, session: Session, row: store.ConversationRow, running: Collection[str]
    ) -> tuple[Message, ...]:
        """The branch that is shown, oldest first. An answer nobody is making any more reads as lost."""
        rows = Rows(store.messages(session, row.id))
        return tuple(
            self._message(session, found, running, rows.branch(found)) for found in rows.path(row.leaf_id)
        )

    def versions(
        self, session: Session, row: store.ConversationRow, question_id: str, running: Collection[str]
    ) -> tuple[Message, ...]:
        """A question of this conversation and every answer to it, oldest first; empty without one."""
        found = store.messages(session, row.id)
        rows = Rows(found)
        wanted = [one for one in found if one.id == question_id and one.role == "user"]
        if wanted:
            wanted += [one for one in found if one.parent_id == question_id and one.role == "assistant"]
        return tuple(self._message(session, one, running, rows.branch(one)) for one in wanted)

    def turns(self, session: Session, path: Sequence[store.MessageRow]) -> tuple[Turn, ...]:
        """A branch as the model should read it: answered questions and their answers."""
        turns: list[Turn] = []
        question: Turn | None = None
        for found in path:
            turn = Turn(found.role, self.text(session, found))
            if turn.role == "user":
                question = self.question(turn.content, self.files(session, found))
            elif turn.content and question is not None:
                turns += [question, turn]
        return tuple(turns)

    def released(self, session: Session, path: Sequence[store.MessageRow]) -> frozenset[int]:
        """Which of `turns` were sent as they are, for a reason their writer gave."""
        places: list[int] = []
        place = 0
        question: store.MessageRow | None = None
        for found in path:
            if found.role == "user":
                question = found
            elif question is not None and self.text(session, found):
                if question.screening and question.screening.get("released"):
                    places.append(place)
                place += 2
        return frozenset(places)

    def replay(self, session: Session, row: store.MessageRow) -> tuple[StreamEvent, ...]:
        """A finished answer as the events that would have told it."""
        parts = (
            Token(row.id, self._reasoning(session, row), "reasoning"),
            Token(row.id, self.text(session, row)),
        )
        told: list[StreamEvent] = [part for part in parts if part.text]
        if row.reason in _FINISHED:
            told.append(
                Finished(
                    id=row.id,
                    reason=row.reason,  # type: ignore[arg-type]  # narrowed by the set above
                    prompt_tokens=row.prompt_tokens,
                    completion_tokens=row.completion_tokens,
                    dropped_turns=row.dropped_turns,
                    decode_s=row.decode_s,
                    reasoning_s=row.reasoning_s,
                )
            )
        else:
            code = row.reason if row.reason in _FAILED else "lost"
            told.append(Failed(id=row.id, code=code))  # type: ignore[arg-type]  # narrowed as above
        return tuple(told)

    def folder(self, session: Session, row: store.ConversationRow) -> str:
        """The folder's name; empty for none."""
        if row.folder is None:
            return ""
        return self.sealing.reading(session, row.user_id, row.id).unseal("folder", row.id, row.folder)

    def seal_folder(self, session: Session, row: store.ConversationRow, name: str) -> bytes | None:
        if not name:
            return None
        return self.sealing.writing(session, row.user_id, row.id).seal("folder", row.id, name)

    def _message(
        self, session: Session, row: store.MessageRow, running: Collection[str], branch: Branch
    ) -> Message:
        orphan = row.state == "running" and row.id not in running
        return Message(
            id=row.id,
            role=row.role,
            text=self.text(session, row),
            state="failed" if orphan else row.state,
            reason="lost" if orphan else row.reason,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            dropped_turns=row.dropped_turns,
            decode_s=row.decode_s,
            detections=dict(row.detections),
            created_at=row.created_at,
            screened=_screened(row),
            branch=branch,
            reasoning=self._reasoning(session, row),
            reasoning_s=row.reasoning_s,
            maker=row.maker,
            attachments=self._filing.beside(session, row.user_id, kept) if (kept := kept_in(row)) else (),
        )

    def _reasoning(self, session: Session, row: store.MessageRow) -> str:
        if row.reasoning is None:
            return ""
        return self._key_of(session, row).unseal("reasoning", row.id, row.reasoning)

    def texts(self, session: Session, row: store.ConversationRow) -> Iterator[tuple[str, str]]:
        """Id and text of every message of all branches, the newest first; opened one by one."""
        key = self.sealing.reading(session, row.user_id, row.id)
        for message_id, body in store.bodies(session, row.id):
            yield message_id, key.unseal("message", message_id, body)

    def text(self, session: Session, row: store.MessageRow) -> str:
        return self._key_of(session, row).unseal("message", row.id, row.body)

    def _key_of(self, session: Session, row: store.MessageRow) -> TextKey:
        return self.sealing.reading(session, row.user_id, row.conversation_id)

    def _key_at(self, session: Session, place: Place) -> TextKey:
        return self.sealing.writing(session, place.user_id, place.conversation_id)

    def _row(self, session: Session, place: Place, row_id: str, role: str) -> store.MessageRow:
        return store.MessageRow(
            id=row_id,
            conversation_id=place.conversation_id,
            user_id=place.user_id,
            position=store.next_position(session, place.conversation_id),
            role=role,
            state="done",
            client_id=None,
            reason="",
            prompt_tokens=0,
            completion_tokens=0,
            dropped_turns=0,
            decode_s=0.0,
            detections={},
            created_at=self._clock.now(),
        )


def _screened(row: store.MessageRow) -> tuple[Screened, ...]:
    spans = row.screening["spans"] if row.screening else ()
    return tuple(
        Screened(start, end, kind, action, tuple(rules), hidden)
        for start, end, kind, action, rules, hidden in spans
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
