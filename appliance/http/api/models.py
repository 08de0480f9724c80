"""GET /v1/models: the model that is loaded, under its stable name, never a path."""

from typing import Annotated

from fastapi import APIRouter, Depends

from appliance.core import Principal
from appliance.errors import N_, NotFound
from appliance.http.api.access import permitted
from appliance.http.api.objects import ModelCard, ModelList, ModelMeta
from appliance.http.services import Services
from appliance.inference.client import loading


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.get("/models")
    async def models(principal: Annotated[Principal, Depends(permitted)]) -> ModelList:
        """The models that the caller may use."""
        card = _card(services)
        return ModelList(data=[card] if principal.scope.allows_model(card.id) else [])

    @routes.get("/models/{name}")
    async def model(name: str, principal: Annotated[Principal, Depends(permitted)]) -> ModelCard:
        """One model."""
        card = _card(services)
        if name != card.id or not principal.scope.allows_model(name):
            raise NotFound(
                N_("There is no model '%(name)s' here. GET /v1/models lists them."), field="model", name=name
            )
        return card

    return routes


def _card(services: Services) -> ModelCard:
    loaded = services.inference.model
    if loaded is None:
        raise loading()
    return ModelCard(
        id=loaded.model_name,
        created=int(services.started_at.timestamp()),
        meta=ModelMeta(
            n_ctx=loaded.n_ctx,
            n_ctx_wanted=loaded.n_ctx_wanted,
            n_params=loaded.n_params,
            size=loaded.size_bytes,
            quantization=loaded.quantization,
            licence=loaded.licence,
            sha256=loaded.model_sha256,
        ),
    )
