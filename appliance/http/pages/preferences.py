"""What this browser prefers: language, light or dark, which keys do what. Kept in cookies only."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from appliance.http.cookies import LANGUAGE, NOTICE, SEND_KEY, SINGLE_KEYS, THEME, YEAR_S, Cookies
from appliance.http.deps import Submitted
from appliance.http.links import local_path
from appliance.http.view import KEY_WISHES, SEND_KEYS, THEMES
from appliance.i18n import LANGUAGES


def router(jar: Cookies) -> APIRouter:
    routes = APIRouter()

    @routes.post("/language")
    def language(form: Submitted) -> Response:
        response = RedirectResponse(local_path(form["next"]), 303)
        if form["language"] in LANGUAGES:
            jar.keep(response, LANGUAGE, form["language"], max_age=YEAR_S)
        return response

    @routes.post("/preferences")
    def preferences(form: Submitted) -> Response:
        response = RedirectResponse(local_path(form["next"]), 303)
        known = (
            ("theme", THEME, THEMES),
            ("send_key", SEND_KEY, SEND_KEYS),
            ("single_keys", SINGLE_KEYS, KEY_WISHES),
        )
        for name, cookie, allowed in known:
            if form[name] in allowed:
                jar.keep(response, cookie, form[name], max_age=YEAR_S)
        return response

    @routes.post("/notice")
    def notice(form: Submitted) -> Response:
        """The notice that generative AI answers here was read (AI Basic Act, art. 31)."""
        response = RedirectResponse(local_path(form["next"]), 303)
        jar.keep(response, NOTICE, "1", max_age=YEAR_S)
        return response

    return routes
