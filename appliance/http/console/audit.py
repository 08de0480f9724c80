"""The log for auditors: filters, pages by a cursor, saved views. Every look is in the log itself."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.audit.actions import AuditAction
from appliance.audit.search import Query
from appliance.audit.viewing import Viewer
from appliance.core import Outcome, Permission, Principal
from appliance.errors import N_, InvalidInput, NaesilError, NotFound
from appliance.http import phrases
from appliance.http.console import audit_check, audit_entry, audit_export, audit_review
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.names import Names
from appliance.http.view import SEOUL
from appliance.policy.detectors.finding import Kind

SECTION = Section("/console/audit", N_("Audit log"), "shield", Permission.AUDIT_READ)
FIELDS = ("start", "end", "user", "origin", "action", "outcome", "detector", "model", "request")
AREAS = tuple(dict.fromkeys(f"{action.split(':')[0]}:" for action in AuditAction))

Auditor = Annotated[Principal, Depends(needs(Permission.AUDIT_READ))]


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as typed, and as the log understands it."""

    typed: dict[str, str]
    query: Query


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    viewer = console.services.oversight.viewer
    desk = _Desk(console, viewer)

    @routes.get(SECTION.path)
    def search(request: Request, auditor: Auditor, words: Words, before: str = "") -> Response:
        typed = {name: request.query_params.get(name, "").strip() for name in FIELDS}
        try:
            asked = desk.understand(typed)
            return desk.page(request, auditor, asked, _cursor(before))
        except NaesilError as error:
            empty = Asked(typed, Query())
            return desk.page(request, auditor, empty, None, status_of(error), error=error.text(words))

    @routes.post(f"{SECTION.path}/views")
    def save_view(request: Request, auditor: Auditor, form: Submitted, words: Words) -> Response:
        typed = {name: form[name].strip() for name in FIELDS}
        try:
            asked = desk.understand(typed)
            viewer.save_view(auditor, form["name"], Query(**_filled(typed)))
        except NaesilError as error:
            asked = Asked(typed, Query())
            return desk.page(request, auditor, asked, None, status_of(error), error=error.text(words))
        return RedirectResponse(f"{SECTION.path}?{urlencode(_filled(asked.typed))}", 303)

    @routes.post(f"{SECTION.path}/views/{{view_id}}/remove")
    def remove_view(view_id: str, auditor: Auditor, _form: Submitted) -> Response:
        viewer.remove_view(auditor, view_id)
        return RedirectResponse(SECTION.path, 303)

    for page in (audit_entry, audit_check, audit_export, audit_review):
        routes.include_router(page.router(console))
    return routes


class _Desk:
    """What the routes share: from typed filters to a page."""

    def __init__(self, console: Console, viewer: Viewer) -> None:
        self._console = console
        self._viewer = viewer

    def understand(self, typed: dict[str, str]) -> Asked:
        """The log's own terms: people by id, times in UTC. InvalidInput for what is neither."""
        asked = dict(typed)
        for name in ("start", "end"):
            asked[name] = _utc(name, typed[name])
        if typed["user"]:
            asked["user"] = self._user_id(typed["user"])
        return Asked(typed, Query(**asked))

    def page(
        self, request: Request, auditor: Principal, asked: Asked, before: int | None,
        status: int = 200, *, error: str = "",
    ) -> Response:  # fmt: skip
        found = None if error else self._viewer.page(auditor, asked.query, before)
        filled = _filled(asked.typed)
        more = "" if found is None or found.following is None else str(found.following)
        return self._console.page(
            request, auditor, "audit.html", status,
            typed=asked.typed,
            found=found,
            next_page=urlencode(filled | {"before": more}) if more else "",
            first_page=urlencode(filled) if before is not None else None,
            views=self._viewer.views(auditor),
            names=Names(self._console.services.accounts, self._console.view.words(request)),
            outcomes={outcome: phrases.OUTCOMES[outcome] for outcome in Outcome},
            kinds=phrases.KINDS,
            actions=sorted(AuditAction),
            areas=AREAS,
            detectors=sorted(Kind),
            due=self._console.services.oversight.reviews.due(),
            may_export=self._console.may(auditor, Permission.AUDIT_EXPORT),
            error=error,
        )  # fmt: skip

    def _user_id(self, typed: str) -> str:
        """By name; what is no name of ours is taken as an id, so that deleted people are found."""
        try:
            return self._console.services.accounts.find(typed).id
        except NotFound:
            return typed


def _filled(typed: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in typed.items() if value}


def _cursor(before: str) -> int | None:
    if not before:
        return None
    if not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise InvalidInput(N_("This page's address is damaged. Start from the first page."))
    return int(before)


def _utc(field: str, typed: str) -> str:
    """A time typed in Seoul, as entries write times."""
    if not typed:
        return ""
    try:
        local = datetime.fromisoformat(typed)
    except ValueError:
        raise InvalidInput(N_("Type a time as 2026-01-31T09:00."), field=field) from None
    moment = (local if local.tzinfo else local.replace(tzinfo=SEOUL)).astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
