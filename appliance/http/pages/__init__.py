"""The pages for people, one module per subject."""

from fastapi import APIRouter

from appliance.http.cookies import Cookies
from appliance.http.pages import (
    account,
    answers,
    assistants,
    attachments,
    chat,
    compare,
    conversations,
    health,
    link,
    metrics,
    own_data,
    preferences,
    prompts,
    search,
    second_step,
    security,
    setup,
    sign_in,
    temporary,
    usage,
    welcome,
    witness,
)
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    """All pages."""
    routes = APIRouter()
    routes.include_router(health.router(services))
    routes.include_router(metrics.router(services))
    routes.include_router(setup.router(services, view, jar))
    routes.include_router(sign_in.router(services, view, jar))
    routes.include_router(second_step.router(services, view, jar))
    routes.include_router(welcome.router(services, view, jar))
    routes.include_router(preferences.router(jar))
    routes.include_router(search.router(services, view))
    routes.include_router(chat.router(services, view))
    routes.include_router(attachments.router(services, view))
    routes.include_router(answers.router(services))
    routes.include_router(assistants.router(services, view))
    routes.include_router(prompts.router(services, view))
    routes.include_router(temporary.router(services, view))
    routes.include_router(compare.router(services, view))
    routes.include_router(conversations.router(services, view))
    routes.include_router(account.router(services, view))
    routes.include_router(own_data.router(services, view))
    routes.include_router(usage.router(services, view))
    routes.include_router(security.router(services, view, jar))
    routes.include_router(link.router(view))
    routes.include_router(witness.router(services))
    return routes
