"""The typed frames between web and runtime. No behaviour, no I/O.

web -> runtime: Generate, Cancel, Credit, Forget, Tokenize, Detokenize, Render, Embed, GetStats
runtime -> web: Hello, Queued, Progress, Token, Finished, Failed, Tokenized, Detokenized, Rendered,
                Embedded, Stats

Every request frame carries an `id` chosen by web; every answer repeats it. An answer
stream is any number of Queued, then any number of Progress, then Token..., and exactly
one Finished or Failed. Credit is per request: the runtime sends at most that many Token
frames ahead and merges what it holds back into the next one, so a slow reader costs
memory for one string and never blocks anybody else.
"""

from typing import Literal

import msgspec

INITIAL_CREDIT = 64
PUBLIC = "public"  # the scope of everybody; those of users have a slash in them


class Call(msgspec.Struct, frozen=True):
    """A tool call that the model made earlier; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class Turn(msgspec.Struct, frozen=True):
    """One message of a conversation as the chat template sees it.

    `calls`: what an assistant's turn asked of tools; `call_id` and `name`: what a tool's turn answers;
    `reasoning`: what an assistant's turn thought.
    """

    role: str
    content: str
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    name: str = ""
    reasoning: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A function the model may call; `parameters` is a JSON Schema as JSON text, "" for none.

    `strict`: its arguments obey the whole schema, or the request is refused."""

    name: str
    description: str = ""
    parameters: str = ""
    strict: bool = False


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The tools of a request. "required": the answer is a call; `only` names the one it must be."""

    offered: tuple[Tool, ...] = ()
    choice: Literal["auto", "none", "required"] = "auto"
    only: str = ""
    parallel: bool = True


NO_TOOLS = Tools()


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How to pick tokens; names and ranges as in the OpenAI API and llama.cpp's sampler chain.

    `grammar`: GBNF that the text after any reasoning obeys. `logprobs`: None, or how many alternatives
    to report with each token. `korean_only`: no Han character is ever picked. `reasoning_tokens`:
    after so many the reasoning is ended; None: no limit but the answer's own.
    """

    max_tokens: int | None = None
    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_penalty: float = 1.0
    logit_bias: dict[int, float] = {}
    grammar: str = ""
    logprobs: int | None = None
    korean_only: bool = False
    reasoning_tokens: int | None = None


class Generate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Everything the runtime needs to answer once; it asks nobody else.

    `fair_key` is who pays in the fair queue, `weight` their share (1.0 = normal).
    `cache_scope` names the conversation whose KV cache may be reused; "" means none.
    `trim`: drop the oldest turns when the prompt does not fit (chat) instead of failing (API).
    `most_running`: answers this payer may have made at the same time; more wait. 0 = no limit.
    `most_context`: tokens that prompt and answer together may have, where the policy allows less
    than the model. 0 = as the model.
    `prefix_turns`: so many leading turns come again with other requests of `prefix_scope`, which
    share the KV cache of those alone: PUBLIC for an administrator's text that everybody may know,
    else a scope of one user. Decided by web from what it knows, never by a client.
    `deadline_s`: seconds from arrival after which the answer is cut off with reason "timeout".
    `template_values`: a JSON object that the chat template sees as variables.
    `raw`: a prompt as text or tokens that no template touches; then there are no turns.
    """

    id: str
    turns: tuple[Turn, ...]
    sampling: Sampling
    fair_key: str
    weight: float = 1.0
    priority: Literal["interactive", "batch"] = "interactive"
    most_running: int = 0
    most_context: int = 0
    cache_scope: str = ""
    prefix_turns: int = 0
    prefix_scope: str = ""
    trim: bool = False
    deadline_s: float = 600.0
    tools: Tools = NO_TOOLS
    template_values: str = ""
    raw: str | tuple[int, ...] | None = None


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Stop this request, running or waiting; it still ends with one Finished (reason cancelled)."""

    id: str


class Credit(msgspec.Struct, frozen=True, tag=True):
    """The reader has consumed `frames` Token frames of this request."""

    id: str
    frames: int


class Forget(msgspec.Struct, frozen=True, tag=True):
    """Free the KV cache kept under this scope (a deleted conversation), wherever it is, now.

    A scope that ends in a slash means all that begin with it (a deleted user).
    """

    cache_scope: str


class Tokenize(msgspec.Struct, frozen=True, tag=True):
    """`special`: as a prompt, with a beginning and control tokens."""

    id: str
    text: str
    special: bool = False


class Detokenize(msgspec.Struct, frozen=True, tag=True):
    id: str
    tokens: tuple[int, ...]


class Render(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the chat template makes of these turns, and how many tokens that is."""

    id: str
    turns: tuple[Turn, ...]
    tools: Tools = NO_TOOLS
    template_values: str = ""


class Embed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One text, or its tokens, as a vector; waits its turn like a Generate. Cancel ends it."""

    id: str
    input: str | tuple[int, ...]
    fair_key: str
    weight: float = 1.0


class GetStats(msgspec.Struct, frozen=True, tag=True):
    id: str


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The first frame of a runtime: its model is loaded and it takes requests.

    `n_ctx_wanted`: tokens of context that were asked for, or that the model was trained for; more
    than `n_ctx` when memory did not allow it.
    """

    model_name: str
    model_sha256: str
    n_params: int
    n_ctx: int
    size_bytes: int
    quantization: str
    slots: int
    n_vocab: int = 2**31
    licence: str = ""
    n_ctx_wanted: int = 0


class Queued(msgspec.Struct, frozen=True, tag=True):
    """Waiting: `position` counts from 1; `eta_s` is None before speeds are known."""

    id: str
    position: int
    eta_s: float | None = None


class Progress(msgspec.Struct, frozen=True, tag=True):
    """Reading the prompt: `done` of `total` tokens, `cached` of them from the KV cache."""

    id: str
    done: int
    total: int
    cached: int = 0


class Odds(msgspec.Struct, frozen=True):
    """A token and the natural logarithm of its probability, before any sampling parameter."""

    piece: bytes
    logprob: float


class Chosen(msgspec.Struct, frozen=True):
    """One token of the answer with its odds; `chars`: how much of the text it completed."""

    odds: Odds
    top: tuple[Odds, ...]
    chars: int


Part = Literal["text", "reasoning", "call"]


class Token(msgspec.Struct, frozen=True, tag=True):
    """More text of the answer: whole characters only, stop strings never included.

    `part`: what the text belongs to. "call": the JSON arguments of tool call number `index`, which
    begins with the frame that has a `name`. `chosen`: odds of the tokens behind the text, if asked for.
    """

    id: str
    text: str
    part: Part = "text"
    index: int = 0
    name: str = ""
    chosen: tuple[Chosen, ...] = ()


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The end of an answer and what the log needs to know about it.

    "filtered" is said by web alone, when a rule of the policy ends a reply.
    `stop_string`: the one that ended it. "tool_calls": like "stop", after at least one whole call.
    `reasoning_tokens` are among the completion's; `reasoning_s` is measured by web alone.
    `dropped_turns`: how many of the oldest turns `trim` left out. Durations in seconds.
    """

    id: str
    reason: Literal["stop", "length", "tool_calls", "cancelled", "timeout", "filtered"]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    stop_string: str = ""
    dropped_turns: int = 0
    queue_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    reasoning_s: float = 0.0


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No answer: `code` for programs; numbers for context_too_long and queue_full; of a bad_request
    the `parameter` that is out of range, if it is one.

    "lost" and "crashed" are said by web alone: the runtime died over this answer, or did so
    twice over the same request, which is refused from then on.
    """

    id: str
    code: Literal[
        "context_too_long",
        "queue_full",
        "bad_template",
        "bad_grammar",
        "bad_request",
        "no_text",
        "internal",
        "lost",
        "crashed",
    ]
    prompt_tokens: int = 0
    n_ctx: int = 0
    retry_after_s: int = 0
    parameter: str = ""


class Tokenized(msgspec.Struct, frozen=True, tag=True):
    id: str
    tokens: tuple[int, ...]


class Detokenized(msgspec.Struct, frozen=True, tag=True):
    id: str
    text: str


class Rendered(msgspec.Struct, frozen=True, tag=True):
    """The answer to Render; `error` instead when the template refuses."""

    id: str
    prompt: str = ""
    tokens: int = 0
    error: str = ""


class Embedded(msgspec.Struct, frozen=True, tag=True):
    """A vector of length 1, as little-endian float32."""

    id: str
    vector: bytes
    tokens: int


class Stats(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A glance at the engine; counts and speeds only, never content."""

    id: str
    running: int
    waiting: int
    slots: int
    prompt_tokens_per_s: float
    generated_tokens_per_s: float


ToRuntime = Generate | Cancel | Credit | Forget | Tokenize | Detokenize | Render | Embed | GetStats
FromRuntime = (
    Hello
    | Queued
    | Progress
    | Token
    | Finished
    | Failed
    | Tokenized
    | Detokenized
    | Rendered
    | Embedded
    | Stats
)
StreamEvent = Queued | Progress | Token | Finished | Failed
