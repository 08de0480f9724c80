"""POST /v1/embeddings: texts as vectors of length 1, as numbers or base64 of little-endian float32."""

import base64
import struct
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from appliance.completions.pipeline import NoVector
from appliance.completions.values import Ask
from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput
from appliance.http.api import answering, errors
from appliance.http.api.access import caller, request_id
from appliance.http.api.completions import text_of
from appliance.http.api.documented import answers_with
from appliance.http.api.objects import Embedding, EmbeddingList, EmbeddingUsage
from appliance.http.api.text_bodies import EmbeddingRequest
from appliance.http.services import Services
from appliance.protocol.messages import Embedded, Failed, Sampling, Turn


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.post("/embeddings", response_model=None, responses=answers_with(EmbeddingList))
    async def embeddings(
        body: EmbeddingRequest,
        request: Request,
        principal: Annotated[Principal, Depends(caller)],
        identifier: Annotated[str, Depends(request_id)],
    ) -> Response:
        """One vector for each text, in order."""
        answering.check_model(services, body.model)
        if body.dimensions is not None:
            raise InvalidInput(
                N_("The length of this model's vectors cannot be chosen. Leave 'dimensions' out."),
                field="dimensions",
            )
        texts = [await text_of(services, text) for text in body.inputs()]
        admitted = (
            await answering.admit(services, [body.naesil.put_on(_ask(texts, principal, identifier))])
        )[0]
        try:
            made = await answering.unless_left(request, services.completions.embed(admitted))
        except NoVector as error:
            raise _refused(error.failed) from None
        if made is None:
            return Response(status_code=499)
        return JSONResponse(_list(admitted.model.model_name, body, made).model_dump())

    return routes


def _ask(texts: list[str], principal: Principal, identifier: str) -> Ask:
    return Ask(
        principal=principal,
        permission=Permission.API_USE,
        turns=tuple(Turn("user", text) for text in texts),
        sampling=Sampling(),
        request_id=identifier,
        object="api:embeddings",
        subject_id=principal.user_id,
        form="vectors",
    )


def _refused(failed: Failed) -> Exception:
    if failed.code in ("bad_request", "bad_template"):
        return InvalidInput(N_("A text to embed may not be empty."), field="input")
    return errors.from_runtime(failed)


def _list(model: str, body: EmbeddingRequest, made: list[Embedded]) -> EmbeddingList:
    tokens = sum(one.tokens for one in made)
    encoded = body.encoding_format == "base64"
    data = [
        Embedding(
            index=number,
            embedding=base64.b64encode(one.vector).decode() if encoded else _numbers(one.vector),
        )
        for number, one in enumerate(made)
    ]
    return EmbeddingList(
        data=data, model=model, usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    )


def _numbers(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))
