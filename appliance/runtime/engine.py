"""The loop's body: schedule -> run -> postprocess. Used from one thread; never blocks but in the model."""

from collections.abc import Callable
from typing import Literal

from appliance.protocol.messages import (
    Cancel,
    Credit,
    Detokenize,
    Detokenized,
    Embed,
    Failed,
    Finished,
    Forget,
    FromRuntime,
    Generate,
    GetStats,
    Render,
    Stats,
    Tokenize,
    Tokenized,
    ToRuntime,
)
from appliance.runtime.cache import belongs
from appliance.runtime.device import BadGrammar, DecodeFailed, Device
from appliance.runtime.intake import Intake, Refused
from appliance.runtime.news import News
from appliance.runtime.outbox import Outbox
from appliance.runtime.scheduler import QueueFull, Scheduler
from appliance.runtime.sequence import Phase, Sequence
from appliance.runtime.slots import Slots
from appliance.runtime.speed import Speeds
from appliance.runtime.vectors import Vectors

STALL_S = 0.2  # the time prompt reading may add between two tokens of an answer
READ_ALONE_S = 0.4  # the same while nobody is being answered: bounds the wait for a cancel
FIRST_CHUNK = 32  # before the machine's speed is known
LEAST_CHUNK = 8  # fewer tokens are not read faster

Reason = Literal["stop", "length", "cancelled", "timeout"]


class Engine:
    """Owns the device, the scheduler, the slots and every open request.

    `send` takes a frame and `flush` writes what was sent; neither may block. `monotonic` is a
    clock in seconds; `kv_ram_bytes` may be used for KV outside the slots.
    """

    def __init__(
        self,
        device: Device,
        intake: Intake,
        queue_limit: int,
        send: Callable[[FromRuntime], None],
        monotonic: Callable[[], float],
        kv_ram_bytes: int = 0,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        self._device = device
        self._intake = intake
        self._monotonic = monotonic
        self._scheduler = Scheduler(device.slots, queue_limit)
        self._slots = Slots(device, kv_ram_bytes)
        self._outbox = Outbox(send)
        self._vectors = Vectors(device, queue_limit, send)
        self._speeds = Speeds()
        self._news = News(self._scheduler, self._speeds, send, monotonic)
        self._flush = flush

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self._scheduler.running or self._scheduler.waiting or self._vectors.busy)

    def handle(self, message: ToRuntime) -> None:
        """Take one frame from web."""
        if isinstance(message, Generate):
            self._accept(message)
        elif isinstance(message, Credit):
            self._outbox.credit(message.id, message.frames)
        elif isinstance(message, Cancel):
            sequence = self._find(message.id)
            if sequence is not None:
                self._finish(sequence, "cancelled")
            self._vectors.cancel(message.id)
        elif isinstance(message, Forget):
            self._forget(message.cache_scope)
        elif isinstance(message, Embed):
            self._vectors.add(message)
        else:
            self._reply(message)
        if not self.busy:
            self._flush()  # else the next step does

    def _reply(self, question: Tokenize | Detokenize | Render | GetStats) -> None:
        """What needs no turn of its own is said at once."""
        if isinstance(question, Tokenize):
            tokens = self._device.tokenize(question.text, special=question.special)
            self._outbox.send(Tokenized(question.id, tuple(tokens)))
        elif isinstance(question, Detokenize):
            self._outbox.send(Detokenized(question.id, self._text(question.tokens)))
        elif isinstance(question, Render):
            self._outbox.send(self._intake.rendered(question))
        else:
            self._outbox.send(self._stats(question.id))

    def _text(self, tokens: tuple[int, ...]) -> str:
        known = (token for token in tokens if 0 <= token < self._device.n_vocab)
        return b"".join(map(self._device.piece, known)).decode("utf-8", "ignore")

    def step(self) -> None:
        """Start who may start, read a bounded part of the prompts, generate one token for each answer."""
        self._time_out()
        self._start_waiting()
        self._close_gap()
        self._serve_held()
        step = self._scheduler.plan(self._prefill_budget())
        self._flush()  # web must know whom we work on before anything can go wrong with it
        if step.decode:
            self._generate(step.decode)
            self._flush()
        for sequence, count in step.prefill:
            self._read(sequence, count)
        self._vectors.step()
        self._news.tell()
        self._flush()

    # schedule

    def _accept(self, request: Generate) -> None:
        if self._find(request.id) is not None:
            return  # an id is asked once; the first stream goes on undisturbed
        self._outbox.open(request.id)
        try:
            sequence = self._intake.sequence(request, self._monotonic())
            self._scheduler.add(sequence)
        except Refused as error:
            self._outbox.end(
                Failed(
                    id=request.id,
                    code=error.code,
                    prompt_tokens=error.prompt_tokens,
                    n_ctx=error.n_ctx,
                    parameter=error.parameter,
                )
            )
        except QueueFull:
            wait = self._news.retry_after_s()
            self._outbox.end(Failed(id=request.id, code="queue_full", retry_after_s=wait))

    def _start_waiting(self) -> None:
        began = self._monotonic()
        while (sequence := self._scheduler.next_to_start()) is not None:
            slot, cached = self._slots.give(sequence)
            self._scheduler.start(sequence, slot, cached)
            sequence.started = self._monotonic()
            self._news.progress(sequence)
            self._choose_sampler(sequence)
            if sequence.started - began >= STALL_S:
                return  # moving KV takes time, and others are waiting for their next token

    def _close_gap(self) -> None:
        """Move the highest sequence into a gap, unless somebody who waits is about to fill it."""
        if not self._scheduler.waiting:
            failed = self._slots.close_gap(self._scheduler.running.values())
            if failed is not None:
                self._fail(failed)

    def _serve_held(self) -> None:
        sequence = self._slots.next_held(self._scheduler.running.values())
        if sequence is not None:
            self._scheduler.spared(sequence, sequence.cached)
            self._news.progress(sequence)

    def _prefill_budget(self) -> int:
        speed = self._speeds.prompt_tokens_per_s
        answering = any(one.phase is Phase.DECODE for one in self._scheduler.running.values())
        seconds = STALL_S if answering else READ_ALONE_S
        chunk = max(LEAST_CHUNK, int(speed * seconds)) if speed else FIRST_CHUNK
        return min(self._device.batch, chunk)

    # run

    def _read(self, sequence: Sequence, count: int) -> None:
        count = min(count, sequence.up_to_border)
        began = self._monotonic()
        try:
            self._device.read(sequence.slot, sequence.next_chunk(count), sequence.stored)
        except DecodeFailed:
            self._fail(sequence)
            return
        sequence.stored += count
        self._speeds.read(count, self._monotonic() - began)
        self._slots.read(sequence, self._scheduler.running.values())
        self._news.progress(sequence)
        if not sequence.prompt_left:
            sequence.phase = Phase.DECODE
            sequence.first_token = self._monotonic()
            self._postprocess(sequence, count - 1)

    def _generate(self, rows: list[Sequence]) -> None:
        began = self._monotonic()
        try:
            self._device.generate(
                [one.slot for one in rows],
                [one.tokens[one.stored] for one in rows],
                [one.stored for one in rows],
            )
        except DecodeFailed:
            for sequence in rows:
                self._fail(sequence)
            return
        for row, sequence in enumerate(rows):
            sequence.stored += 1
            self._postprocess(sequence, row)
        self._speeds.generated(len(rows), self._monotonic() - began)

    # postprocess

    def _postprocess(self, sequence: Sequence, row: int) -> None:
        answer = sequence.answer
        token = answer.forced()
        if token is None:
            token = self._device.sample(sequence.sampler, row)
        self._scheduler.generated(sequence)
        if self._device.ends_answer(token):
            self._finish(sequence, "stop")
            return
        top = answer.wants_odds
        odds = None if top is None else self._device.odds(token, row, top)
        sequence.accept(token)
        self._outbox.say(sequence.id, answer.accept(self._device.piece(token), odds))
        if answer.over:
            self._finish(sequence, "stop")
        elif sequence.generated >= sequence.limit:
            self._finish(sequence, "length")
        else:
            self._choose_sampler(sequence)

    def _choose_sampler(self, sequence: Sequence) -> None:
        """Open the sampler that the next token wants, if it is another one than the last token's."""
        plan = sequence.answer.plan
        if plan == sequence.plan:
            return
        if sequence.sampler:
            self._device.close_sampler(sequence.sampler)
        sequence.sampler, sequence.plan = 0, plan
        try:
            sequence.sampler = self._device.open_sampler(plan)
        except BadGrammar:
            self._fail(sequence, "bad_grammar")

    def _finish(self, sequence: Sequence, reason: Reason) -> None:
        now = self._monotonic()
        started, first = sequence.started or now, sequence.first_token or now
        self._outbox.say(sequence.id, sequence.answer.finish())
        self._outbox.end(
            Finished(
                id=sequence.id,
                reason=sequence.answer.reason if reason == "stop" else reason,
                prompt_tokens=sequence.prompt_tokens,
                completion_tokens=sequence.generated,
                cached_tokens=sequence.cached if sequence.cached > sequence.opening else 0,
                reasoning_tokens=sequence.answer.reasoning_tokens,
                stop_string=sequence.answer.stop_string,
                dropped_turns=sequence.dropped_turns,
                queue_s=started - sequence.arrived,
                prefill_s=first - started,
                decode_s=now - first,
            )
        )
        if reason in ("stop", "length"):
            self._speeds.ended(sequence.prompt_tokens, sequence.cached, sequence.generated)
        self._release(sequence, sequence.cache_scope)

    def _fail(self, sequence: Sequence, code: Literal["internal", "bad_grammar"] = "internal") -> None:
        self._outbox.end(Failed(id=sequence.id, code=code))
        self._release(sequence, "")

    def _release(self, sequence: Sequence, scope: str) -> None:
        """Free its slot, keeping the KV for the conversation's next turn."""
        running = sequence.phase is not Phase.WAITING
        self._scheduler.remove(sequence)
        if running:
            if sequence.sampler:
                self._device.close_sampler(sequence.sampler)
            self._slots.take_back(sequence, scope)

    def _forget(self, scope: str) -> None:
        self._slots.forget(scope)
        for sequence in (*self._scheduler.running.values(), *self._scheduler.waiting.values()):
            if belongs(sequence.cache_scope, scope):
                sequence.cache_scope = ""

    # tell

    def _time_out(self) -> None:
        now = self._monotonic()
        everyone = (*self._scheduler.running.values(), *self._scheduler.waiting.values())
        for sequence in [one for one in everyone if now >= one.deadline]:
            self._finish(sequence, "timeout")

    def _stats(self, request_id: str) -> Stats:
        return Stats(
            id=request_id,
            running=len(self._scheduler.running),
            waiting=len(self._scheduler.waiting),
            slots=self._scheduler.slots,
            prompt_tokens_per_s=self._speeds.prompt_tokens_per_s,
            generated_tokens_per_s=self._speeds.generated_tokens_per_s,
        )

    def _find(self, request_id: str) -> Sequence | None:
        return self._scheduler.running.get(request_id) or self._scheduler.waiting.get(request_id)
