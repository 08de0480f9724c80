"""admit -> stream -> settle: the one way to an answer, for the chat and for the API.

admit   one transaction: the policy's decision, the caller's own rows and the audit entry.
        A crash before its commit leaves nothing; after it, `recover` settles what it promised.
stream  only takes an Admitted, so no prompt reaches the model before its entry is durable.
settle  exactly once per Admitted, whatever happened: finished, stopped, failed, left, lost.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal, NoReturn

import msgspec

from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.completions import entries, store
from appliance.completions.limits import Allowance
from appliance.completions.screen import check_prompt
from appliance.completions.values import (
    Admitted,
    Ask,
    Reply,
    StorePrompt,
    StoreReply,
    nothing_to_store,
)
from appliance.core import Decision, Usage
from appliance.errors import NaesilError
from appliance.ids import new_id
from appliance.inference.client import InferenceClient, loading
from appliance.policy.active import ActivePolicy
from appliance.policy.gate import violation
from appliance.policy.stream import StreamScanner
from appliance.protocol.messages import Failed, Finished, Generate, StreamEvent, Token
from appliance.storage.engine import Database

_STATES: dict[str, Literal["done", "stopped"]] = {
    "stop": "done",
    "length": "done",
    "cancelled": "stopped",
    "timeout": "stopped",
}


class Completions:
    """The pipeline over one database, log, policy and runtime."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        inference: InferenceClient,
        policy: ActivePolicy,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._inference = inference
        self._policy = policy
        self._clock = clock
        self._allowance = Allowance(clock)

    def admit(self, ask: Ask, store_prompt: StorePrompt = nothing_to_store) -> Admitted:
        """Allow and record, or refuse and record. Synchronous: one short transaction.

        Raises PolicyViolation, LimitReached, or Unavailable when the model or the log is away.
        """
        model = self._inference.model
        if model is None:
            raise loading()
        policy = self._policy.current
        checked = check_prompt(policy, ask, self._clock.now().date())
        if not checked.decision.permitted:
            self._refuse(ask, checked.decision, violation(policy, checked.decision))
        limit = policy.limits_for(ask.principal)
        if error := self._allowance.take(ask, limit):
            self._refuse(ask, checked.decision, error)
        admitted = Admitted(
            answer_id=new_id(),
            ask=ask,
            turns=checked.turns,
            decision=checked.decision,
            last_turn=checked.last_turn,
            model=model,
            weight=limit.weight,
            most_running=limit.running,
            max_tokens=min(ask.sampling.max_tokens or limit.max_tokens, limit.max_tokens),
        )
        try:
            with self._database.write() as session:
                store_prompt(session, admitted)
                store.add(session, self._admission(admitted))
                self._audit.append(session, entries.prompt(admitted), text=ask.turns[-1].content)
        except BaseException:
            self._allowance.give_back(ask)
            raise
        return admitted

    async def stream(
        self, admitted: Admitted, store_reply: StoreReply = nothing_to_store
    ) -> AsyncGenerator[StreamEvent, None]:
        """The answer's events, screened by the policy; leaving early cancels and settles it."""
        screen = StreamScanner(self._policy.current, self._clock.now().date())
        text: list[str] = []
        last: Finished | Failed | None = None
        events = self._inference.generate(_generate(admitted))
        try:
            async for event in events:
                if isinstance(event, Token):
                    if shown := screen.feed(event.text):
                        text.append(shown)
                        yield Token(event.id, shown)
                    if screen.blocked:
                        last = Finished(id=event.id, reason="filtered")
                        break
                    continue
                if isinstance(event, (Finished, Failed)):
                    last = event
                    if rest := screen.finish():
                        text.append(rest)
                        yield Token(event.id, rest)
                    continue
                yield event
        finally:
            await events.aclose()
            if last is None:
                text.append(screen.finish())
            reply = _reply("".join(text), last, screen.detections)
            self._allowance.give_back(admitted.ask)
            await asyncio.shield(asyncio.to_thread(self.settle, admitted, reply, store_reply))
        if last is not None:
            yield last

    def settle(self, admitted: Admitted, reply: Reply, store_reply: StoreReply = nothing_to_store) -> None:
        """Record how an admitted answer ended. Settling twice records once."""
        with self._database.write() as session:
            if not store.remove(session, admitted.answer_id):
                return
            store_reply(session, admitted.answer_id, reply)
            self._audit.append(session, entries.reply(admitted, reply), text=reply.text)

    def recover(self, store_reply: StoreReply = nothing_to_store) -> int:
        """Settle as lost what an earlier process admitted; called once, before serving."""
        with self._database.write() as session:
            rows = store.unsettled(session)
            for row in rows:
                store.remove(session, row.answer_id)
                store_reply(session, row.answer_id, Reply())
                self._audit.append(session, entries.lost(row))
        return len(rows)

    def _refuse(self, ask: Ask, decision: Decision, error: NaesilError) -> NoReturn:
        with self._database.write() as session:
            self._audit.append(session, entries.refusal(ask, decision, error.code))
        raise error

    def _admission(self, admitted: Admitted) -> store.AdmissionRow:
        principal = admitted.ask.principal
        return store.AdmissionRow(
            answer_id=admitted.answer_id,
            request_id=admitted.ask.request_id,
            user_id=principal.user_id,
            credential_kind=principal.kind,
            credential_id=principal.credential_id,
            origin=principal.origin,
            object=admitted.ask.object,
            admitted_at=self._clock.now(),
        )


def _generate(admitted: Admitted) -> Generate:
    ask = admitted.ask
    return Generate(
        id=admitted.answer_id,
        turns=admitted.turns,
        sampling=msgspec.structs.replace(ask.sampling, max_tokens=admitted.max_tokens),
        fair_key=ask.principal.user_id,
        weight=admitted.weight,
        priority=ask.priority,
        most_running=admitted.most_running,
        cache_scope=ask.cache_scope,
        prefix_turns=ask.prefix_turns,
        prefix_scope=ask.prefix_scope,
        trim=ask.trim,
    )


def _reply(text: str, last: Finished | Failed | None, detections: dict[str, int]) -> Reply:
    if isinstance(last, Finished):
        return Reply(
            text=text,
            state=_STATES[last.reason],
            reason=last.reason,
            usage=Usage(last.prompt_tokens, last.completion_tokens, last.cached_tokens),
            dropped_turns=last.dropped_turns,
            decode_s=last.decode_s,
            detections=detections,
        )
    if isinstance(last, Failed):
        return Reply(text=text, state="failed", reason=last.code, detections=detections)
    return Reply(text=text, state="stopped", reason="cancelled", detections=detections)
