"""A model small enough to know by heart: characters are tokens, answers follow from the prompt alone.

It keeps what each slot's KV cache would hold and insists on what llama.cpp insists on, so a
test that passes has also never written a row to the wrong place.
"""

from collections.abc import Sequence as Tokens

from appliance.protocol.messages import (
    PUBLIC,
    Failed,
    Finished,
    FromRuntime,
    Generate,
    Odds,
    Sampling,
    Token,
    ToRuntime,
    Turn,
)
from appliance.runtime.device import DecodeFailed, KvState
from appliance.runtime.engine import Engine
from appliance.runtime.intake import Intake
from appliance.runtime.sampling import SamplerPlan
from appliance.runtime.scheduler import reserve
from appliance.runtime.template import ChatTemplate
from tests.fakes import FakeClock

END = 0
TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'rogue' %}{{ raise_exception('no') }}{% endif %}"
    "{{ message.role[0] }}:{{ message.content }}|{% endfor %}a:"
)


def next_token(tokens: Tokens[int]) -> int:
    """What follows these tokens: lower-case letters, and an end once in a while."""
    value = (sum(tokens) * 31 + len(tokens) * 17 + tokens[-1]) % 29
    return END if value >= 26 else ord("a") + value


def answer(tokens: Tokens[int], limit: int) -> str:
    """The whole answer to a prompt of these tokens."""
    known = list(tokens)
    while len(known) < len(tokens) + limit and (token := next_token(known)) != END:
        known.append(token)
    return "".join(map(chr, known[len(tokens) :]))


class SavedKv:
    """What save() gives: a byte a token, as long as nobody closed it."""

    def __init__(self, tokens: list[int]) -> None:
        self.size = len(tokens)
        self.tokens: list[int] | None = list(tokens)

    def close(self) -> None:
        assert self.tokens is not None, "closed twice"
        self.tokens = None


class FakeDevice:
    """Implements runtime.device.Device. A step costs `clock` `step_s` and a millisecond a token."""

    n_vocab = 0x110000
    embedding_ctx = 32
    generates = True
    batch = 512

    def __init__(self, clock: FakeClock, slots: int = 4, n_ctx: int = 64) -> None:
        self.slots = slots
        self.n_ctx = n_ctx
        self.sequences = slots + reserve(slots)
        self.kv: list[list[int]] = [[] for _ in range(self.sequences)]
        self.samplers: set[int] = set()
        self.largest_read = 0
        self.text_read = 0
        self.broken = False
        self.read_tokens = 0
        self.step_s = 0.0
        self.saved: list[SavedKv] = []
        self._clock = clock
        self._rows: list[int] = []
        self._opened = 0

    def tokenize(self, text: str, *, special: bool) -> list[int]:  # noqa: ARG002 - the Device's signature
        return [ord(letter) for letter in text]

    def piece(self, token: int) -> bytes:
        return chr(token).encode()

    def ends_answer(self, token: int) -> bool:
        return token == END

    def open_sampler(self, plan: SamplerPlan) -> int:  # noqa: ARG002 - the Device's signature
        self._opened += 1
        self.samplers.add(self._opened)
        return self._opened

    def close_sampler(self, sampler: int) -> None:
        self.samplers.remove(sampler)

    def read(self, slot: int, tokens: Tokens[int], position: int) -> None:
        self._spend(len(tokens))
        assert position == len(self.kv[slot])
        assert tokens
        assert position + len(tokens) < self.n_ctx
        self.read_tokens += len(tokens)
        self.largest_read = max(self.largest_read, len(tokens))
        self.kv[slot] += tokens
        self._rows = [slot] * len(tokens)

    def generate(self, slots: Tokens[int], tokens: Tokens[int], positions: Tokens[int]) -> None:
        self._spend(len(slots))
        assert list(slots) == sorted(set(slots))
        for slot, token, position in zip(slots, tokens, positions, strict=True):
            assert position == len(self.kv[slot]) < self.n_ctx
            self.kv[slot].append(token)
        self._rows = list(slots)

    def sample(self, sampler: int, row: int) -> int:
        assert sampler in self.samplers
        return next_token(self.kv[self._rows[row]])

    def odds(self, token: int, row: int, top: int) -> tuple[Odds, tuple[Odds, ...]]:  # noqa: ARG002
        chosen = Odds(self.piece(token), -0.5)
        return chosen, (chosen,) * min(top, 1)

    def start_text(self) -> None:
        self.text_read = 0

    def read_text(self, tokens: Tokens[int]) -> bool:
        self._spend(min(8, len(tokens) - self.text_read))
        self.text_read += 8
        return self.text_read >= len(tokens)

    def vector(self) -> bytes:
        return b"\0\0\x80\x3f"

    def keep(self, slot: int, count: int) -> int:
        del self.kv[slot][count:]
        return len(self.kv[slot])

    def exchange(self, first: int, second: int) -> None:
        self.kv[first], self.kv[second] = self.kv[second], self.kv[first]

    def save(self, slot: int) -> SavedKv | None:
        if not self.kv[slot]:
            return None
        self.saved.append(SavedKv(self.kv[slot]))
        return self.saved[-1]

    def load(self, slot: int, state: KvState) -> None:
        assert isinstance(state, SavedKv)
        assert state.tokens is not None, "used after it was closed"
        assert not self.kv[slot]
        if self.broken:
            raise DecodeFailed("told to")
        self.kv[slot] = list(state.tokens)

    def _spend(self, tokens: int) -> None:
        self._clock.advance(self.step_s + tokens / 1000)
        if self.broken:
            raise DecodeFailed("told to")


class Bench:
    """An engine on the fake device, and every frame it sent."""

    def __init__(
        self,
        clock: FakeClock,
        slots: int = 4,
        n_ctx: int = 64,
        queue_limit: int = 100,
        kv_ram: int = 0,
        opening: str = "",
    ) -> None:
        self._opening = opening
        self.clock = clock
        self.device = FakeDevice(clock, slots, n_ctx)
        intake = Intake(self.device, ChatTemplate(opening + TEMPLATE, "", "", ()), lambda: 7)
        self.sent: list[FromRuntime] = []
        self.engine = Engine(self.device, intake, queue_limit, self.sent.append, clock.monotonic, kv_ram)

    def take(self, *messages: ToRuntime) -> None:
        for message in messages:
            self.engine.handle(message)

    def run(self, most_steps: int = 10_000) -> None:
        """Step until nothing is left to do."""
        while self.engine.busy:
            most_steps -= 1
            assert most_steps, "the engine does not come to an end"
            self.engine.step()

    def of(self, request_id: str) -> list[FromRuntime]:
        return [frame for frame in self.sent if getattr(frame, "id", None) == request_id]

    def text(self, request_id: str) -> str:
        return "".join(frame.text for frame in self.of(request_id) if isinstance(frame, Token))

    def end(self, request_id: str) -> Finished | Failed:
        frames = self.of(request_id)
        ends = [frame for frame in frames if isinstance(frame, (Finished, Failed))]
        assert len(ends) == 1
        assert frames[-1] is ends[0]
        return ends[0]

    def expected(self, request: Generate) -> str:
        said = "".join(f"{turn.role[0]}:{turn.content}|" for turn in request.turns)
        prompt = f"{self._opening}{said}a:"
        room = self.device.n_ctx - len(prompt)
        return answer([ord(letter) for letter in prompt], min(room, request.sampling.max_tokens or room))


def asks(
    request_id: str,
    text: str = "hello",
    *,
    payer: str = "alice",
    scope: str = "",
    batch: bool = False,
    max_tokens: int | None = None,
    stop: tuple[str, ...] = (),
    before: tuple[Turn, ...] = (),
    trim: bool = False,
    deadline_s: float = 600.0,
    prefix_turns: int = 0,
    prefix_scope: str = PUBLIC,
    most_running: int = 0,
) -> Generate:
    return Generate(
        id=request_id,
        turns=(*before, Turn("user", text)),
        sampling=Sampling(max_tokens=max_tokens, stop=stop),
        fair_key=payer,
        cache_scope=scope,
        priority="batch" if batch else "interactive",
        trim=trim,
        deadline_s=deadline_s,
        prefix_turns=prefix_turns,
        prefix_scope=prefix_scope,
        most_running=most_running,
    )
