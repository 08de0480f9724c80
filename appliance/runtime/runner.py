"""With context.py and samplers.py the only room that touches llama_cpp: loads a model, runs batches.

Used from one thread.
What makes it fast (measured): prompt batches apart from generation batches, a KV cache per
sequence with flash attention, buffers made once. llama.cpp's log is silenced: it could carry
the text of prompts.
"""

import ctypes
import mmap
from collections.abc import Sequence as Tokens
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as llama

from appliance.protocol.messages import Odds
from appliance.protocol.settings import RuntimeSettings
from appliance.runtime import context, quality
from appliance.runtime.device import DecodeFailed, KvState
from appliance.runtime.embedder import Embedder
from appliance.runtime.samplers import Samplers
from appliance.runtime.sampling import SamplerPlan
from appliance.runtime.scheduler import reserve


class ModelNotLoaded(Exception):
    """The model cannot be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the file says about itself. Template and token texts are a stranger's: handle with care."""

    n_params: int
    size_bytes: int
    quantization: str
    n_ctx_trained: int
    template: str
    bos: str
    eos: str
    control: tuple[str, ...]


class Runner:
    """The Device of device.py on llama.cpp."""

    def __init__(self, settings: RuntimeSettings) -> None:
        """Load and try the model. Raises ModelNotLoaded."""
        silent = llama.llama_log_callback(lambda *_: None)
        self._log = silent  # ctypes callbacks live as long as somebody holds them
        llama.llama_log_set(silent, None)
        llama.llama_backend_init()
        self.slots, self.batch = settings.slots, settings.batch
        self.sequences = settings.slots + reserve(settings.slots)
        self._model = _load(settings)
        self._vocab = llama.llama_model_get_vocab(self._model)
        self.n_vocab: int = llama.llama_vocab_n_tokens(self._vocab)
        try:
            self._ctx, self.n_ctx = context.make(self._model, settings, self.sequences)
        except context.BadLayout as error:
            raise ModelNotLoaded(str(error)) from None
        if settings.adapter_path:
            _adapt(self._model, self._ctx, settings.adapter_path)
        self._memory = llama.llama_get_memory(self._ctx)
        self.generates = bool(self._memory)  # a model that only reads, for vectors, keeps no KV
        self._answers = _Batch(self.sequences, output_all=True)
        self._prompt = _Batch(self.batch, output_all=False)
        self._buffer = ctypes.create_string_buffer(4096)
        self._pieces: dict[int, bytes] = {}
        self._embedder = Embedder(self._model, settings)
        self.embedding_ctx = self._embedder.n_ctx
        self._samplers = Samplers(self._ctx, self._vocab, self.n_vocab, self.piece)
        self._try_out()

    def facts(self) -> ModelFacts:
        """Read once at the start."""
        template = llama.llama_model_chat_template(self._model, None)
        control = [token for token in range(self.n_vocab) if llama.llama_vocab_is_control(self._vocab, token)]
        return ModelFacts(
            n_params=llama.llama_model_n_params(self._model),
            size_bytes=llama.llama_model_size(self._model),
            quantization=_text(llama.llama_ftype_name(llama.llama_model_ftype(self._model))),
            n_ctx_trained=llama.llama_model_n_ctx_train(self._model),
            template=_text(template),
            bos=self._token_text(llama.llama_vocab_bos(self._vocab)),
            eos=self._token_text(llama.llama_vocab_eos(self._vocab)),
            control=tuple(text for token in control if (text := self._token_text(token))),
        )

    # Device: text

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        data = text.encode()
        tokens = (ctypes.c_int32 * (len(data) + 2))()
        count = llama.llama_tokenize(self._vocab, data, len(data), tokens, len(tokens), special, special)
        found: list[int] = tokens[: max(0, count)]
        bos = llama.llama_vocab_bos(self._vocab)
        return found[1:] if special and found[:2] == [bos, bos] else found  # a template may bring its own

    def piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token, special=False)
        return piece

    def ends_answer(self, token: int) -> bool:
        return bool(llama.llama_vocab_is_eog(self._vocab, token))

    # Device: sampling

    def open_sampler(self, plan: SamplerPlan) -> int:
        return self._samplers.open(plan)

    def close_sampler(self, sampler: int) -> None:
        self._samplers.close(sampler)

    def sample(self, sampler: int, row: int) -> int:
        return self._samplers.sample(sampler, row)

    def odds(self, token: int, row: int, top: int) -> tuple[Odds, tuple[Odds, ...]]:
        return self._samplers.odds(token, row, top)

    # Device: vectors

    def start_text(self) -> None:
        self._embedder.start()

    def read_text(self, tokens: Tokens[int]) -> bool:
        return self._embedder.read(tokens)

    def vector(self) -> bytes:
        return self._embedder.vector()

    def perplexity(self, tokens: Tokens[int], threads: int) -> float:
        """How well the model foretells a text (quality.py)."""
        return quality.perplexity(self._model, self.n_vocab, tokens, threads)

    # Device: running

    def read(self, slot: int, tokens: Tokens[int], position: int) -> None:
        self._prompt.fill_one(slot, tokens, position)
        self._decode(self._prompt)

    def generate(self, slots: Tokens[int], tokens: Tokens[int], positions: Tokens[int]) -> None:
        self._answers.fill_rows(slots, tokens, positions)
        self._decode(self._answers)

    # Device: KV cache

    def keep(self, slot: int, count: int) -> int:
        if count and llama.llama_memory_seq_rm(self._memory, slot, count, -1):
            return count
        llama.llama_memory_seq_rm(self._memory, slot, -1, -1)  # a whole sequence can always go
        return 0

    def save(self, slot: int) -> "SavedKv | None":
        if self._empty(slot):
            return None
        size = llama.llama_state_seq_get_size(self._ctx, slot)
        try:
            state = SavedKv(size)
        except OSError:
            return None
        if llama.llama_state_seq_get_data(self._ctx, state.data, size, slot) == size:
            return state
        state.close()
        return None

    def load(self, slot: int, state: KvState) -> None:
        assert isinstance(state, SavedKv)  # noqa: S101 - nobody else makes states
        if not llama.llama_state_seq_set_data(self._ctx, state.data, state.size, slot):
            self.keep(slot, 0)
            raise DecodeFailed("a sequence could not be put back")

    def exchange(self, first: int, second: int) -> None:
        states = [(second, self.save(first)), (first, self.save(second))]
        whole = all(
            state or self._empty(slot) for (_, state), slot in zip(states, (first, second), strict=True)
        )
        self.keep(first, 0)
        self.keep(second, 0)
        try:
            if not whole:
                raise DecodeFailed("no memory to move a sequence")
            for slot, state in states:
                if state is not None:
                    self.load(slot, state)
        except DecodeFailed:
            self.keep(first, 0)
            self.keep(second, 0)
            raise
        finally:
            for _, state in states:
                if state is not None:
                    state.close()

    def _empty(self, slot: int) -> bool:
        return bool(llama.llama_memory_seq_pos_max(self._memory, slot) < 0)

    def _decode(self, batch: "_Batch") -> None:
        code = llama.llama_decode(self._ctx, batch.struct)
        if code != 0:
            raise DecodeFailed(f"llama_decode returned {code}")

    # loading

    def _try_out(self) -> None:
        """One token through the model, so that a file that loads but cannot run is found now."""
        try:
            if not self.generates:
                self._embedder.start()
                self._embedder.read([0])
                return
            self.read(0, [0], 0)
        except DecodeFailed as error:
            raise ModelNotLoaded(f"the model does not run: {error}") from None
        self.keep(0, 0)

    # small things

    def _token_text(self, token: int) -> str:
        return self._read_piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        size = len(self._buffer)
        length = llama.llama_token_to_piece(self._vocab, token, self._buffer, size, 0, special)
        return self._buffer.raw[:length] if length > 0 else b""


class SavedKv:
    """A sequence's KV in pages of its own: closing gives them back to the kernel at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._pages = mmap.mmap(-1, size)
        self._pages.madvise(mmap.MADV_DONTDUMP)
        self.data: Any = (ctypes.c_uint8 * size).from_buffer(self._pages)

    def close(self) -> None:
        self.data = None
        self._pages.close()


class _Batch:
    """A llama_batch over arrays of ours, made once: `rows` tokens, each of one sequence."""

    def __init__(self, rows: int, *, output_all: bool) -> None:
        self._output_all = output_all
        self._token = (ctypes.c_int32 * rows)()
        self._position = (ctypes.c_int32 * rows)()
        self._slot = (ctypes.c_int32 * rows)()
        self._output = (ctypes.c_int8 * rows)(*([int(output_all)] * rows))
        one_each = (ctypes.c_int32 * rows)(*([1] * rows))
        pointer = ctypes.POINTER(ctypes.c_int32)
        step = ctypes.sizeof(ctypes.c_int32)
        first = ctypes.addressof(self._slot)
        own = [ctypes.cast(first + step * (row if output_all else 0), pointer) for row in range(rows)]
        self._slots = (pointer * rows)(*own)  # a prompt's rows all point at one slot number
        self.struct = llama.llama_batch(
            0, self._token, None, self._position, one_each, self._slots, self._output
        )

    def fill_one(self, slot: int, tokens: Tokens[int], position: int) -> None:
        """A chunk of one sequence; output for its last token."""
        count = len(tokens)
        self._output[self.struct.n_tokens - 1] = 0
        self._output[count - 1] = 1
        self._slot[0] = slot
        self._token[:count] = list(tokens)
        self._position[:count] = list(range(position, position + count))
        self.struct.n_tokens = count

    def fill_rows(self, slots: Tokens[int], tokens: Tokens[int], positions: Tokens[int]) -> None:
        """One token for each of several sequences, each with output."""
        count = len(slots)
        self._slot[:count] = list(slots)
        self._token[:count] = list(tokens)
        self._position[:count] = list(positions)
        self.struct.n_tokens = count


def _load(settings: RuntimeSettings) -> Any:
    if not 1 <= settings.slots <= llama.llama_max_parallel_sequences():
        raise ModelNotLoaded(f"slots must be 1 to {llama.llama_max_parallel_sequences()}")
    if settings.gpu_layers and not llama.llama_supports_gpu_offload():
        raise ModelNotLoaded("this build of llama.cpp knows no GPU; set gpu_layers to 0")
    params = llama.llama_model_default_params()
    params.n_gpu_layers = settings.gpu_layers
    model = llama.llama_model_load_from_file(settings.model_path.encode(), params)
    if not model:
        raise ModelNotLoaded("the file is missing, damaged or of a kind this version cannot read")
    if not llama.llama_model_has_decoder(model) or llama.llama_model_has_encoder(model):
        raise ModelNotLoaded("the model does not generate text")
    return model


def _adapt(model: Any, ctx: Any, path: str) -> None:
    """Put a LoRA adapter over every answer of this context."""
    adapter = llama.llama_adapter_lora_init(model, path.encode())
    if not adapter:
        raise ModelNotLoaded("the adapter is damaged or was made for another model")
    adapters = (llama.llama_adapter_lora_p_ctypes * 1)(adapter)
    if llama.llama_set_adapters_lora(ctx, adapters, 1, (ctypes.c_float * 1)(1.0)) != 0:
        raise ModelNotLoaded("the adapter cannot be used with this model")


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
