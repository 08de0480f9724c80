"""One question to two models: the one that serves answers, and another is fetched for one answer.

A runtime holds one model. The other is loaded beside it as every switch does it: no answer is dropped,
the first one goes on meanwhile. Until the first model serves again, some seconds, everybody's new
questions go to the other. A crash in between leaves the other one chosen, as the console shows.
Everything here belongs to the event loop; whether the person may switch models, the caller has asked.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace

from appliance.chat.makers import MODEL, STANDARD
from appliance.chat.service import Chat
from appliance.chat.values import Sent, Wish
from appliance.core import Principal
from appliance.errors import N_, Conflict, NaesilError, NotFound
from appliance.inference.client import InferenceClient, loading
from appliance.inference.models import Models


@dataclass(frozen=True, slots=True)
class Fetched:
    """The model that is being fetched for an answer; `error` says why it could not be."""

    model: str
    error: NaesilError | None = None


class Comparing:
    """The service; one comparison of models at a time in the whole house."""

    def __init__(self, chat: Chat, models: Models, inference: InferenceClient) -> None:
        self._chat = chat
        self._models = models
        self._inference = inference
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self._fetched: dict[str, Fetched] = {}  # of the newest comparison, by its question's id

    def others(self) -> list[str]:
        """The names of models that could be fetched."""
        loaded = self._inference.model
        serving = loaded.model_name if loaded else ""
        return [one.name for one in self._models.shelf().models if one.name != serving]

    def fetched(self, question_id: str) -> Fetched | None:
        """What is still to come, or could not come, beside the first answer to this question."""
        return self._fetched.get(question_id)

    async def ask(self, principal: Principal, wish: Wish, second: Wish, model: str) -> Sent:
        """Ask the model that serves, and begin to fetch the other for `second`.

        Raises what Chat.send raises, NotFound for a model that is not there, Conflict while another
        comparison is under way.
        """
        if model not in await asyncio.to_thread(self.others):
            raise NotFound(N_("There is no other model called '%(name)s' to compare with."), name=model)
        if self._busy:
            raise Conflict(N_("Two models are being compared just now. Try again when that is done."))
        serving = self._inference.model
        if serving is None:
            raise loading()
        if wish.maker in ("", STANDARD):
            wish = replace(wish, maker=MODEL + serving.model_name)
        self._busy = True
        try:
            sent = await self._chat.send(principal, wish)
        except BaseException:
            self._busy = False
            raise
        self._fetched = {sent.user_message_id: Fetched(model)}
        beside = replace(
            second, conversation_id=sent.conversation_id, instead_of=sent.answer_id, again=True, beside=True,
            maker=MODEL + model,
        )  # fmt: skip
        self._task = asyncio.create_task(
            self._fetch(principal, sent, beside, serving.model_name), name="comparison"
        )
        return sent

    async def close(self) -> None:
        """Give up what is still to come; at the end of the process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _fetch(self, principal: Principal, first: Sent, second: Wish, serving: str) -> None:
        model = second.maker.removeprefix(MODEL)
        try:
            await self._reached(principal, first)
            await asyncio.to_thread(self._models.use, principal, model)
            try:
                await self._reached(principal, await self._chat.send(principal, second))
            finally:
                await asyncio.to_thread(self._models.use, principal, serving)
        except NaesilError as error:
            self._fetched = {first.user_message_id: Fetched(model, error)}
        else:
            self._fetched = {}
        finally:
            self._busy = False

    async def _reached(self, principal: Principal, sent: Sent) -> None:
        """Wait until the question is with the model that serves now: its process ends it before it leaves."""
        async with aclosing(self._chat.events(principal, sent.conversation_id, sent.answer_id)) as events:
            await anext(events, None)
