"""One draft of the policies: written, checked, compared, replayed, tried, approved, activated."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.policies import CLOSED_FILE
from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.console.policies import SECTION, Editor, Reader, number_of
from appliance.http.console.shell import Console
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.forms import Form
from appliance.http.names import Names
from appliance.http.phrases import OUTCOMES
from appliance.http.view import SEOUL
from appliance.policy.decisions import Replay
from appliance.policy.drafts import Draft

PLACE = "/console/policies/drafts/{draft_id}"
ACTIONS = {
    "propose": Permission.POLICY_EDIT,
    "rebase": Permission.POLICY_EDIT,
    "discard": Permission.POLICY_EDIT,
    "try": Permission.POLICY_EDIT,
    "end-trial": Permission.POLICY_EDIT,
    "approve": Permission.POLICY_APPROVE,
    "activate": Permission.POLICY_ACTIVATE,
    "schedule": Permission.POLICY_ACTIVATE,
}


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    desk = _Desk(console)

    @routes.get(PLACE)
    def show(draft_id: str, request: Request, person: Reader) -> Response:
        return desk.page(request, person, draft_id)

    @routes.post(PLACE + "/replay")
    def replay(draft_id: str, request: Request, person: Editor, form: Submitted, words: Words) -> Response:
        try:
            days = min(1095, max(1, number_of(form["days"])))
            found = desk.policies.replay(person, desk.policies.draft(draft_id).files, days)
        except NaesilError as error:
            return desk.page(request, person, draft_id, status_of(error), error=error.text(words))
        return desk.page(request, person, draft_id, replayed=found, days=days)

    @routes.get(PLACE + "/files/{name}")
    def file(draft_id: str, name: str, request: Request, person: Editor) -> Response:
        text = desk.policies.draft(draft_id).files.get(name, "")
        return desk.file_page(request, person, draft_id, name, text)

    @routes.post(PLACE + "/files/{name}")
    def write(
        draft_id: str, name: str, request: Request, person: Editor, form: Submitted, words: Words
    ) -> Response:
        """The text is kept with its mistakes, which the draft's page then names by line."""
        try:
            desk.policies.write(person, draft_id, name, form["text"])
        except NaesilError as error:
            said = error.text(words)
            return desk.file_page(request, person, draft_id, name, form["text"], status_of(error), said)
        return RedirectResponse(f"/console/policies/drafts/{draft_id}", 303)

    for action, permission in ACTIONS.items():
        _add_action(routes, desk, action, permission)
    return routes


def _add_action(routes: APIRouter, desk: "_Desk", action: str, permission: Permission) -> None:
    allowed = Annotated[Principal, Depends(needs(permission))]

    @routes.post(f"{PLACE}/{action}", name=f"draft {action}")
    def act(draft_id: str, request: Request, person: allowed, form: Submitted, words: Words) -> Response:
        try:
            desk.act(action, person, draft_id, form)
        except NaesilError as error:
            return desk.page(request, person, draft_id, status_of(error), error=error.text(words))
        gone = action in ("discard", "activate")
        return RedirectResponse(SECTION.path if gone else f"/console/policies/drafts/{draft_id}", 303)


class _Desk:
    """What the routes of a draft share."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.policies = console.services.policies

    def act(self, action: str, person: Principal, draft_id: str, form: Form) -> None:
        policies = self.policies
        if action == "schedule":
            policies.schedule(person, draft_id, _time(form["at"]))
            return
        {
            "propose": policies.propose,
            "rebase": policies.rebase,
            "discard": policies.discard,
            "try": policies.try_out,
            "end-trial": policies.end_trial,
            "approve": policies.approve,
            "activate": policies.activate,
        }[action](person, draft_id)

    def page(
        self, request: Request, person: Principal, draft_id: str, status: int = 200, *,
        error: str = "", replayed: Replay | None = None, days: int = 7,
    ) -> Response:  # fmt: skip
        draft = self.policies.draft(draft_id)
        words = self._console.view.words(request)
        problems = [one.text(words) for one in self.policies.problems(draft)]
        return self._console.page(
            request, person, "draft.html", status,
            draft=draft,
            problems=problems,
            difference=None if problems else self.policies.difference(draft.files),
            overtaken=draft.base != self.policies.revisions.number(),
            files=_files(draft),
            closed=CLOSED_FILE,
            names=Names(self._console.services.accounts, words),
            may={action: self._console.may(person, permission) for action, permission in ACTIONS.items()},
            replayed=replayed,
            tried=self.policies.tried(draft_id),
            outcomes=OUTCOMES,
            days=days,
            error=error,
        )  # fmt: skip

    def file_page(
        self, request: Request, person: Principal, draft_id: str, name: str, text: str,
        status: int = 200, error: str = "",
    ) -> Response:  # fmt: skip
        return self._console.page(
            request, person, "policy_file.html", status, draft_id=draft_id, name=name, text=text, error=error
        )


def _files(draft: Draft) -> list[str]:
    return sorted({*draft.files, "terms.txt"} - {CLOSED_FILE})


def _time(text: str) -> datetime:
    """A date and time as the browser's field sends it, meant in Seoul."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=SEOUL).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(N_("Give a date and a time, as in 2026-03-02T18:00."), field="at") from None
