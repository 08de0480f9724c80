"""One person's account as an administrator sees it: rights, sessions, keys; never what they wrote."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.audit.actions import AuditAction
from appliance.core import Permission, Principal
from appliance.errors import NaesilError
from appliance.http import roles
from appliance.http.console.shell import Console
from appliance.http.deps import Confirmed, Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.identity.links import Link

Manager = Annotated[Principal, Depends(needs(Permission.USER_MANAGE))]
OfSessions = Annotated[Principal, Depends(needs(Permission.SESSION_MANAGE))]
OfKeys = Annotated[Principal, Depends(needs(Permission.KEY_MANAGE))]
HERE = "/console/users/{user_id}"


def router(console: Console) -> APIRouter:
    """The page and its acts. Each act ends where it began, with what happened on the page."""
    routes = APIRouter()
    services, identity = console.services, console.services.identity

    def page(
        request: Request, person: Principal, user_id: str, words: Words, status: int = 200, *,
        link: Link | None = None, error: str = "", notice: str = "",
    ) -> Response:  # fmt: skip
        account = identity.accounts.get(user_id)
        services.oversight.reads.record(person, AuditAction.USERS_READ, f"user:{user_id}", user_id)
        return console.page(
            request, person, "person.html", status,
            account=account,
            role_titles=roles.titles(services.gate.policy, words),
            groups=identity.groups.of(user_id),
            open_sessions=identity.sessions.list(user_id),
            keys=identity.keys.list(user_id),
            may_sessions=console.may(person, Permission.SESSION_MANAGE),
            may_keys=console.may(person, Permission.KEY_MANAGE),
            link=link, error=error, notice=notice,
        )  # fmt: skip

    @routes.get(HERE)
    def show(user_id: str, request: Request, person: Manager, words: Words) -> Response:
        return page(request, person, user_id, words)

    def attempt(
        request: Request, person: Principal, user_id: str, words: Words, act: Callable[[], object]
    ) -> Response:
        """Do it and show the page anew, or show why it cannot be done."""
        try:
            act()
        except NaesilError as error:
            return page(request, person, user_id, words, status_of(error), error=error.text(words))
        return RedirectResponse(f"/console/users/{user_id}", 303)

    @routes.post(HERE + "/roles")
    def set_roles(
        user_id: str, request: Request, person: Manager, _fresh: Confirmed, form: Submitted, words: Words
    ) -> Response:
        wanted = roles.chosen(form, services.gate.policy)
        return attempt(request, person, user_id, words, lambda: identity.roles.set(person, user_id, wanted))

    @routes.post(HERE + "/state")
    def set_state(
        user_id: str, request: Request, person: Manager, _fresh: Confirmed, form: Submitted, words: Words
    ) -> Response:
        name = identity.accounts.get(user_id).name
        act = identity.accounts.disable if form["disabled"] else identity.accounts.enable
        return attempt(request, person, user_id, words, lambda: act(person, name))

    @routes.post(HERE + "/second-factor/off")
    def second_factor_off(
        user_id: str, request: Request, person: Manager, _fresh: Confirmed, _form: Submitted, words: Words
    ) -> Response:
        return attempt(
            request, person, user_id, words, lambda: identity.second_factor.turn_off(person, user_id)
        )

    @routes.post(HERE + "/reset")
    def reset(
        user_id: str, request: Request, person: Manager, _fresh: Confirmed, _form: Submitted, words: Words
    ) -> Response:
        try:
            link = identity.links.reset(person, user_id)
        except NaesilError as error:
            return page(request, person, user_id, words, status_of(error), error=error.text(words))
        return page(request, person, user_id, words, 201, link=link)

    routes.include_router(_credentials(console))
    return routes


def _credentials(console: Console) -> APIRouter:
    """Ending what this person is signed in with."""
    routes = APIRouter()
    identity = console.services.identity

    @routes.post(HERE + "/sessions/end")
    def end_sessions(user_id: str, person: OfSessions, _form: Submitted) -> Response:
        identity.sessions.end_all(person, user_id, but=person.credential_id)
        return RedirectResponse(f"/console/users/{user_id}#sessions", 303)

    @routes.post(HERE + "/sessions/{session_id}/end")
    def end_session(user_id: str, session_id: str, person: OfSessions, _form: Submitted) -> Response:
        identity.sessions.end(person, user_id, session_id)
        return RedirectResponse(f"/console/users/{user_id}#sessions", 303)

    @routes.post(HERE + "/keys/{key_id}/revoke")
    def revoke_key(user_id: str, key_id: str, person: OfKeys, _form: Submitted) -> Response:
        identity.keys.revoke(person, user_id, key_id)
        return RedirectResponse(f"/console/users/{user_id}#keys", 303)

    return routes
