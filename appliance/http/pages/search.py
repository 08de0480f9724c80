"""Searching one's own conversations, titles and texts."""

from fastapi import APIRouter, Request, Response

from appliance.http.deps import Person
from appliance.http.services import Services
from appliance.http.view import View

MOST_CHARACTERS = 200


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    @routes.get("/search")
    def search(request: Request, person: Person, q: str = "") -> Response:
        words = q[:MOST_CHARACTERS]
        return view.page(
            request, "pages/search.html", words=words, hits=services.library.search(person, words)
        )

    return routes
