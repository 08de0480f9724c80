"""admit -> stream -> settle: the one way to an answer, for the chat and for the API.

admit   one transaction: the policy's decision, the caller's own rows and the audit entry.
        A crash before its commit leaves nothing; after it, `recover` settles what it promised.
stream  only takes an Admitted, so no prompt reaches the model before its entry is durable.
settle  exactly once per Admitted, whatever happened: finished, stopped, failed, left, lost.
        What cannot be recorded as the database is away is owed, and recorded when it is back.
"""
# long because: the three steps keep one promise together; what each of them needs is in modules of its own

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, NoReturn

import msgspec

from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.completions import entries, store, usage
from appliance.completions.hearing import Hearing
from appliance.completions.limits import Allowance, Headroom
from appliance.completions.memory import Memory
from appliance.completions.quota import Before, Left
from appliance.completions.screen import check_prompt
from appliance.completions.tally import Tally
from appliance.completions.values import (
    Admitted,
    Ask,
    Reply,
    StorePrompt,
    StoreReply,
    nothing_to_store,
)
from appliance.core import Decision, Principal, Target, Usage, highest
from appliance.errors import N_, Forbidden, NaesilError, StorageFailed
from appliance.ids import new_id
from appliance.inference.client import InferenceClient, loading
from appliance.inference.streams import Again
from appliance.policy.active import ActivePolicy
from appliance.policy.decide import decide
from appliance.policy.gate import violation
from appliance.policy.model import PolicySet
from appliance.policy.stream import StreamScanner
from appliance.protocol.messages import (
    Embed,
    Embedded,
    Failed,
    Finished,
    Generate,
    Progress,
    StreamEvent,
    Token,
)
from appliance.storage.engine import Database

_STATES: dict[str, Literal["done", "stopped"]] = {
    "stop": "done",
    "length": "done",
    "cancelled": "stopped",
    "timeout": "stopped",
    "tool_calls": "done",
    "filtered": "stopped",
}


class NoVector(Exception):
    """The runtime did not make a vector; `failed` says why."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.code)
        self.failed = failed


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
        self._allowance = Allowance(clock, self._used_before)
        self._memory = Memory(audit, policy, clock)
        self._owed: deque[tuple[Admitted, Reply, StoreReply]] = deque()  # at most what was running
        self.usage = usage.UsageReport(database, audit, clock)
        self.tally = Tally()

    def admit(self, ask: Ask, store_prompt: StorePrompt = nothing_to_store) -> Admitted:
        """Allow and record, or refuse and record. Synchronous: one short transaction.

        Raises PolicyViolation, Forbidden for a key of another scope, LimitReached, or Unavailable
        when the model or the log is away.
        """
        model = self._inference.model or self._inference.awaited
        if model is None:
            raise loading()
        policy = self._policy.current
        lowest = policy.class_for(ask.principal)
        target = replace(
            ask.target, model=model.model_name, data_class=highest(ask.target.data_class, lowest)
        )
        ask = replace(ask, target=target)
        checked = check_prompt(policy, ask, self._clock.now().date(), target)
        if not checked.decision.permitted:
            spans = tuple((span.start, span.end) for span in checked.spans)
            said = violation(policy, checked.decision, spans, checked.offers)
            self._refuse(ask, checked.decision, said, target, checked.found)
        if not ask.principal.scope.allows_model(model.model_name):
            self._refuse(ask, checked.decision, _out_of_scope(model.model_name), target, checked.found)
        limit = policy.limits_for(ask.principal)
        answer_id = new_id()
        granted = self._allowance.take(ask, limit, answer_id)
        if isinstance(granted, NaesilError):
            self._refuse(ask, checked.decision, granted, target, checked.found)
        admitted = Admitted(
            answer_id=answer_id,
            ask=ask,
            turns=checked.turns,
            tools=checked.tools,
            decision=checked.decision,
            last_turn=checked.last_turn,
            spans=checked.spans,
            model=model,
            weight=limit.weight,
            most_running=limit.running,
            most_context=limit.context or 0,
            max_tokens=granted,
        )
        try:
            with self._database.write(shared=True) as session:
                store_prompt(session, admitted)
                store.add(session, self._admission(admitted))
                self._memory.prompt(session, ask, target, checked.found, checked.decision)
                self._audit.append(session, entries.prompt(admitted), text=ask.turns[-1].content)
        except BaseException:
            self._allowance.give_back(ask, answer_id)
            raise
        return admitted

    async def stream(
        self, admitted: Admitted, store_reply: StoreReply = nothing_to_store, *, whole: bool = False
    ) -> AsyncGenerator[StreamEvent, None]:
        """The answer's events, screened by the policy; leaving early cancels and settles it.

        `whole`: its reader gets its words at its end, so it may begin anew when the runtime dies.
        """
        law = _Law(self._policy, admitted)
        hearing = self._hearing(law)
        kept: list[Token] = []  # not given out yet
        last: Finished | Failed | None = None
        read = 0
        wait = _Wait(self._clock)
        events = self._inference.generate(_generate(admitted), whole=whole)
        try:
            async for event in events:
                if law.stops(hearing):
                    last = _filtered(admitted.answer_id, read, hearing)
                    break
                wait.saw(event)
                if isinstance(event, Again):
                    hearing, kept = self._hearing(law), []
                elif isinstance(event, Token):
                    kept += hearing.feed(event)
                elif isinstance(event, (Finished, Failed)):
                    last = event
                    kept += hearing.finish()
                else:
                    read = event.done if isinstance(event, Progress) else read
                    yield event
                while kept and not whole:
                    yield kept.pop(0)
                if hearing.blocked:
                    last = _filtered(event.id, read, hearing)
                    break
        finally:
            await events.aclose()
            hearing.finish()
            reply = replace(_reply(hearing, last, read), first_token_s=wait.first_token_s)
            self._allowance.give_back(admitted.ask, admitted.answer_id, reply.usage.total_tokens)
            await asyncio.shield(asyncio.to_thread(self.settle, admitted, reply, store_reply))
        for shown in kept:
            yield shown
        if last is not None:
            yield _timed(last, hearing)

    def _hearing(self, law: "_Law") -> Hearing:
        today = self._clock.now().date()
        return Hearing(lambda: StreamScanner(law.rulings, law.own, today), self._clock.monotonic)

    async def embed(self, admitted: Admitted) -> list[Embedded]:
        """A vector for each turn. Raises NaesilError when one cannot be made; settles it either way."""
        made: list[Embedded] = []
        reply = Reply(state="stopped", reason="cancelled")
        began = self._clock.monotonic()
        try:
            for turn in admitted.turns:
                question = Embed(
                    id=new_id(),
                    input=turn.content,
                    fair_key=admitted.ask.principal.user_id,
                    weight=admitted.weight,
                )
                answer = await self._inference.embed(question)
                if isinstance(answer, Failed):
                    reply = Reply(state="failed", reason=answer.code)
                    raise NoVector(answer)
                made.append(answer)
            reply = Reply(state="done", reason="stop")
        except NaesilError:
            reply = Reply(state="failed", reason="lost")
            raise
        finally:
            tokens = sum(one.tokens for one in made)
            self._allowance.give_back(admitted.ask, admitted.answer_id, tokens)
            read = Usage(prompt_tokens=sum(one.tokens for one in made))
            reply = replace(reply, usage=read, work_s=self._clock.monotonic() - began)
            await asyncio.shield(asyncio.to_thread(self.settle, admitted, reply))
        return made

    def headroom(self, principal: Principal) -> Headroom:
        """What this person may still ask for in the current minute."""
        return self._allowance.headroom(principal.user_id, self._policy.current.limits_for(principal))

    def left(self, principal: Principal) -> Left:
        """What this person may still use today and this minute."""
        return self._allowance.left(principal.user_id, self._policy.current.limits_for(principal))

    def _used_before(self, user_id: str, day: datetime) -> Before:
        with self._database.read() as session:
            return usage.used(session, user_id, day, self._clock.now())

    def withdraw(self, admitted: Admitted) -> None:
        """Settle what was admitted and will not be asked after all."""
        self._allowance.give_back(admitted.ask, admitted.answer_id)
        self.settle(admitted, Reply(state="stopped", reason="cancelled"))

    def settle(self, admitted: Admitted, reply: Reply, store_reply: StoreReply = nothing_to_store) -> None:
        """Record how an admitted answer ended. Settling twice records once.

        Raises StorageFailed when it cannot be recorded now: then `settle_owed` does it, or after a
        crash `recover`.
        """
        try:
            self._settle(admitted, reply, store_reply)
        except StorageFailed:
            self._owed.append((admitted, reply, store_reply))
            raise

    def settle_owed(self) -> int:
        """Record the ends that could not be recorded in their time; how many there were.

        Called again and again by one thread. Raises StorageFailed while it still cannot be done.
        """
        count = 0
        while self._owed:
            self.settle(*self._owed.popleft())
            count += 1
        return count

    def _settle(self, admitted: Admitted, reply: Reply, store_reply: StoreReply) -> None:
        found = self._memory.found_in(reply)
        with self._database.write(shared=True) as session:
            if not store.remove(session, admitted.answer_id):
                return
            store_reply(session, admitted.answer_id, reply)
            usage.add(session, admitted, reply, self._clock.now())
            if found is not None:
                self._memory.reply(session, admitted.ask, found)
            self._audit.append(session, entries.reply(admitted, reply), text=reply.spoken)
        self.tally.settled(reply)

    def recover(self, store_reply: StoreReply = nothing_to_store) -> int:
        """Settle as lost what an earlier process admitted; called once, before serving."""
        with self._database.write() as session:
            usage.prune(session, self._clock.now())
            rows = store.unsettled(session)
            for row in rows:
                store.remove(session, row.answer_id)
                store_reply(session, row.answer_id, Reply())
                usage.add_lost(session, row)
                self._audit.append(session, entries.lost(row))
        return len(rows)

    def _refuse(
        self,
        ask: Ask,
        decision: Decision,
        error: NaesilError,
        target: Target,
        found: Mapping[str, int],
    ) -> NoReturn:
        with self._database.write(shared=True) as session:
            self._memory.prompt(session, ask, target, found, decision)
            self._audit.append(session, entries.refusal(ask, decision, error.code))
        self.tally.refused(error.code)
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


class _Wait:
    """How long the reader waited for the first word, in seconds; None while there is none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self.first_token_s: float | None = None

    def saw(self, event: StreamEvent | Again) -> None:
        if isinstance(event, Again):
            self.first_token_s = None
        elif self.first_token_s is None and isinstance(event, Token):
            self.first_token_s = self._clock.monotonic() - self._began


class _Law:
    """The policy that a running answer stands under, which may be replaced while it runs."""

    def __init__(self, policy: ActivePolicy, admitted: Admitted) -> None:
        self._active = policy
        self._ask = admitted.ask
        self._target = admitted.ask.target
        self._follow(policy.current)

    def stops(self, hearing: Hearing) -> bool:
        """Look whether another revision is in force by now, and whether it ends this answer."""
        if self._active.current is self._policy:
            return False
        self._follow(self._active.current)
        hearing.adopt(self.rulings, self.own)
        return not decide(self._policy, self._ask.principal, self._ask.permission, (), self._target).permitted

    def _follow(self, policy: PolicySet) -> None:
        self._policy = policy
        self.rulings = policy.rulings(self._ask.principal, self._target.data_class)
        self.own = policy.own


def _instructions(ask: Ask) -> int:
    """How many leading turns are a program's instructions, which come again in the same scope."""
    if ask.form == "text":
        return 0
    return next((at for at, turn in enumerate(ask.turns) if turn.role != "system"), 0)


def _generate(admitted: Admitted) -> Generate:
    ask = admitted.ask
    return Generate(
        id=admitted.answer_id,
        turns=() if ask.form == "text" else admitted.turns,
        raw=admitted.turns[0].content if ask.form == "text" else None,
        sampling=msgspec.structs.replace(ask.sampling, max_tokens=admitted.max_tokens),
        fair_key=ask.principal.user_id,
        weight=admitted.weight,
        priority=ask.priority,
        most_running=admitted.most_running,
        most_context=admitted.most_context,
        cache_scope=ask.cache_scope,
        prefix_turns=ask.prefix_turns or _instructions(ask),
        prefix_scope=ask.prefix_scope or ask.cache_scope,
        trim=ask.trim,
        tools=admitted.tools,
        template_values=ask.template_values,
    )


def _timed(last: Finished | Failed, hearing: Hearing) -> Finished | Failed:
    """The end of an answer, with how long was thought before it."""
    if isinstance(last, Failed):
        return last
    return msgspec.structs.replace(last, reasoning_s=hearing.reasoning_s)


def _filtered(answer_id: str, read: int, hearing: Hearing) -> Finished:
    """The end of an answer that a rule broke off; what it cost is counted as far as it was seen."""
    return Finished(id=answer_id, reason="filtered", prompt_tokens=read, completion_tokens=hearing.frames)


def _reply(hearing: Hearing, last: Finished | Failed | None, read: int) -> Reply:
    said = Reply(
        text=hearing.text,
        reasoning=hearing.reasoning,
        reasoning_s=hearing.reasoning_s,
        calls=hearing.calls,
        usage=Usage(read, hearing.frames),
        detections=hearing.detections,
        found=dict(hearing.found),
    )
    if isinstance(last, Finished):
        return replace(
            said,
            state=_STATES[last.reason],
            reason=last.reason,
            usage=Usage(
                last.prompt_tokens, last.completion_tokens, last.cached_tokens, last.reasoning_tokens
            ),
            dropped_turns=last.dropped_turns,
            decode_s=last.decode_s,
            work_s=last.prefill_s + last.decode_s,
        )
    if isinstance(last, Failed):
        return replace(said, state="failed", reason=last.code)
    return replace(said, state="stopped", reason="cancelled")


def _out_of_scope(model: str) -> Forbidden:
    return Forbidden(N_("This API key may not use the model '%(name)s'."), name=model)
