"""POST /tokenize, /detokenize and /apply-template, as llama-server names them; also under /v1."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from appliance.core import Principal
from appliance.errors import N_, InvalidInput
from appliance.http.api.access import permitted
from appliance.http.api.answering import check_model
from appliance.http.api.completions import check_tokens
from appliance.http.api.text_bodies import ApplyTemplateRequest, DetokenizeRequest, TokenizeRequest
from appliance.http.services import Services
from appliance.ids import new_id
from appliance.protocol.messages import Render

MAX_PIECES = 4096
Caller = Annotated[Principal, Depends(permitted)]


class Piece(BaseModel):
    id: int
    piece: str


class TokenList(BaseModel):
    tokens: list[int] | list[Piece]


class DetokenizedText(BaseModel):
    content: str


class RenderedPrompt(BaseModel):
    prompt: str


def router(services: Services) -> APIRouter:
    routes = APIRouter()
    inference = services.inference

    @routes.post("/tokenize")
    async def tokenize(body: TokenizeRequest, _principal: Caller) -> TokenList:
        """The model's tokens of a text; with `add_special` as a prompt would begin."""
        found = await inference.tokenize(body.content, special=body.add_special)
        if not body.with_pieces:
            return TokenList(tokens=list(found))
        if len(found) > MAX_PIECES:
            raise InvalidInput(
                N_("Pieces are told of at most %(most)d tokens. Send a shorter text."),
                field="with_pieces",
                most=MAX_PIECES,
            )
        pieces = await asyncio.gather(*(inference.detokenize((token,)) for token in found))
        return TokenList(
            tokens=[Piece(id=token, piece=piece) for token, piece in zip(found, pieces, strict=True)]
        )

    @routes.post("/detokenize")
    async def detokenize(body: DetokenizeRequest, _principal: Caller) -> DetokenizedText:
        """The text of tokens."""
        check_tokens(services, body.tokens)
        return DetokenizedText(content=await inference.detokenize(tuple(body.tokens)))

    @routes.post("/apply-template")
    async def apply_template(body: ApplyTemplateRequest, _principal: Caller) -> RenderedPrompt:
        """The prompt that the model would read for these messages."""
        if body.model is not None:
            check_model(services, body.model)
        question = Render(
            id=new_id(),
            turns=tuple(message.turn() for message in body.messages),
            tools=body.offered(),
            template_values=body.values(),
        )
        rendered = await inference.render(question)
        if rendered.error:
            raise InvalidInput(
                N_("The model's chat template cannot express these messages. Check their roles and order."),
                field="messages",
            )
        return RenderedPrompt(prompt=rendered.prompt)

    return routes
