"""From turns to prompt tokens that fit the context, saying what was left out."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.protocol.messages import NO_TOOLS, Tools, Turn
from appliance.runtime.cache import common_prefix
from appliance.runtime.template import BadTemplate, ChatTemplate
from appliance.runtime.thinking import opens

CHARS_PER_TOKEN = 16  # longer text than this times the context is measured by its beginning
FULL_SHARE = 4  # trimmed prompts leave one part in so many for the answer
TURN_OVERHEAD = 4  # tokens a template puts around a turn, roughly
PROBES = ("a", "가")
MOST_REMEMBERED = 64
LEAST_SHARED = 32  # fewer tokens are read as fast as they are copied
LEAST_OPENING = 8  # the same for what is copied for everybody, and so is always at hand
SYSTEM_ROLES = ("system", "developer")


class PromptTooLong(Exception):
    """It has `prompt_tokens` (an estimate when it is many times too long)."""

    def __init__(self, prompt_tokens: int) -> None:
        super().__init__(prompt_tokens)
        self.prompt_tokens = prompt_tokens


@dataclass(frozen=True, slots=True)
class Prompt:
    """`thinks`: it ends inside reasoning that the template has opened."""

    tokens: list[int]
    dropped_turns: int = 0
    thinks: bool = False


class PromptBuilder:
    """Renders and tokenizes for a model that reads `n_ctx` tokens at once."""

    def __init__(self, template: ChatTemplate, tokenize: Callable[[str], list[int]], n_ctx: int) -> None:
        self.template = template
        self._tokenize = tokenize
        self._n_ctx = n_ctx
        self._public: OrderedDict[tuple[Turn, ...], list[int]] = OrderedDict()
        self._opening: list[int] | None = None

    def build(
        self,
        turns: Sequence[Turn],
        *,
        trim: bool,
        max_tokens: int | None,
        tools: Tools = NO_TOOLS,
        values: str = "",
        n_ctx: int,
    ) -> Prompt:
        """The prompt. Raises PromptTooLong, BadTemplate.

        With `trim` the oldest turns go until there is room for an answer, but never the system
        turn or the last user turn; what remains begins with a user's turn. `n_ctx` tokens must hold
        the prompt and at least one token of answer.
        """
        if not trim:
            text = self.template.render(turns, tools, values)
            return Prompt(self.within(n_ctx - 1, text), thinks=opens(text))
        room = n_ctx // FULL_SHARE
        wanted = n_ctx - min(room, max_tokens or room)
        kept = list(turns)
        while True:
            droppable = _oldest(kept)
            text = self.template.render(kept, tools, values)
            try:
                tokens = self.within(wanted if droppable else n_ctx - 1, text)
                return Prompt(tokens, len(turns) - len(kept), opens(text))
            except PromptTooLong as error:
                if not droppable:
                    raise
                excess = error.prompt_tokens - wanted
            self._drop(kept, excess)

    def shared(self, turns: Sequence[Turn], tokens: list[int], *, remember: bool) -> int:
        """How many of a prompt's tokens come from its leading `turns` alone; 0 when it is too little
        to be worth copying. `remember`: the turns are public, and their tokens may be kept."""
        if not turns:
            return 0
        prefix = self._remembered(tuple(turns)) if remember else self._prefix(tuple(turns))
        shared = min(common_prefix(prefix, tokens), len(tokens) - 1)
        return shared if shared >= LEAST_SHARED else 0

    def opening(self, tokens: list[int]) -> int:
        """How many of a prompt's tokens are the template's own words before the first turn; 0 when it
        begins otherwise, or has too few of them to be worth copying. They hold nothing of anybody's."""
        if self._opening is None:
            self._opening = self._prefix(())
        length = len(self._opening)
        whole = length >= LEAST_OPENING and length < len(tokens) and tokens[:length] == self._opening
        return length if whole else 0

    def _remembered(self, turns: tuple[Turn, ...]) -> list[int]:
        prefix = self._public.pop(turns, None) or self._prefix(turns)
        self._public[turns] = prefix
        if len(self._public) > MOST_REMEMBERED:
            self._public.popitem(last=False)
        return prefix

    def _prefix(self, turns: tuple[Turn, ...]) -> list[int]:
        """What two prompts have in common that begin with these turns and go on differently."""
        try:
            one, other = (self.template.render((*turns, Turn("user", text))) for text in PROBES)
        except BadTemplate:
            return []  # it takes these turns only with others between
        longest = CHARS_PER_TOKEN * self._n_ctx
        first, second = self._tokenize(one[:longest]), self._tokenize(other[:longest])
        return first[: common_prefix(first, second)]

    def _drop(self, kept: list[Turn], excess: int) -> None:
        """Drop from the front until roughly `excess` tokens are gone; at least one turn and its answers."""
        while excess > 0 and (oldest := _oldest(kept)):
            for turn in oldest:
                excess -= self._measure(turn.content)[0] + TURN_OVERHEAD
            gone = {id(turn) for turn in oldest}
            kept[:] = [turn for turn in kept if id(turn) not in gone]

    def within(self, limit: int, text: str) -> list[int]:
        """The tokens of a prompt. Raises PromptTooLong."""
        length, tokens = self._measure(text)
        if length > limit:
            raise PromptTooLong(length)
        return tokens

    def _measure(self, text: str) -> tuple[int, list[int]]:
        """The number of tokens and the tokens; of absurdly long text only its beginning is looked at."""
        longest = CHARS_PER_TOKEN * self._n_ctx
        tokens = self._tokenize(text[:longest])
        if len(text) <= longest:
            return len(tokens), tokens
        return max(self._n_ctx + 1, len(tokens) * len(text) // longest), tokens


def _oldest(turns: Sequence[Turn]) -> list[Turn]:
    """The oldest turn that may go, with what follows up to the next user's turn; empty: none may."""
    users = [index for index, turn in enumerate(turns) if turn.role == "user"]
    last = users[-1] if users else len(turns) - 1
    start = next((index for index, turn in enumerate(turns) if turn.role not in SYSTEM_ROLES), last)
    end = next((index for index in users if index > start), last)
    return [turn for turn in turns[start:end] if turn.role not in SYSTEM_ROLES] if start < last else []
