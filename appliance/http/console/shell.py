"""What every page of the console shares: the frame, and a navigation cut to the person's rights."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from appliance.core import Permission, Principal
from appliance.http.services import Services
from appliance.http.view import View


@dataclass(frozen=True, slots=True)
class Section:
    """A page in the navigation. `title` is marked with N_; `permission` is what seeing it needs."""

    path: str
    title: str
    icon: str
    permission: Permission


class Console:
    """The services and the frame, handed to each page's router."""

    def __init__(self, services: Services, view: View, sections: tuple[Section, ...]) -> None:
        self.services = services
        self.view = view
        self._sections = sections

    def sections_for(self, person: Principal) -> list[Section]:
        """What this person may see, in order."""
        return [section for section in self._sections if self.services.gate.may(person, section.permission)]

    def may(self, person: Principal, permission: Permission) -> bool:
        """For buttons that only some get to see; the route behind one asks again with `needs`."""
        return self.services.gate.may(person, permission)

    def page(
        self, request: Request, person: Principal, template: str, status: int = 200, /, **values: Any
    ) -> Response:
        """A page from templates/console/. `template` extends console/base.html."""
        return self.view.page(
            request, f"console/{template}", status,
            sections=self.sections_for(person),
            policy_revision=self.services.gate.policy.revision,
            **values,
        )  # fmt: skip


def entrance(services: Services, person: Principal) -> bool:
    """Whether a link to the console makes sense for this person."""
    return any(services.gate.may(person, permission) for permission in _ENTRANCE)


_ENTRANCE = (
    Permission.SYSTEM_READ, Permission.USER_MANAGE, Permission.POLICY_READ, Permission.AUDIT_READ,
    Permission.EGRESS_READ, Permission.MODEL_READ,
)  # fmt: skip
