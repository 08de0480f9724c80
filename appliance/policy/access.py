"""policies/access.yaml: who may do what, with which model, assistant and class of data."""

from typing import Literal

from pydantic import Field, model_validator

from appliance.core import DataClass, Permission, Principal, Role, Target
from appliance.errors import N_
from appliance.policy.shape import Document, Reason, RoleName, RuleId, Subjects

Name = str


class AccessRule(Subjects):
    """Who may, or may not, do what. Without models, assistants and classes it is about all of them."""

    id: RuleId
    effect: Literal["allow", "deny"] = "allow"
    permissions: tuple[Permission, ...] = Field(min_length=1)
    models: tuple[Name, ...] = Field(default=(), description="Only requests to these models.")
    assistants: tuple[Name, ...] = Field(default=(), description="Only requests to these assistants.")
    classes: tuple[DataClass, ...] = Field(default=(), description="Only data of these classes: O, S, C.")
    reason: Reason

    @model_validator(mode="after")
    def _somebody(self) -> "AccessRule":
        if not self.roles and not self.groups:
            raise ValueError(N_("say whom the rule is about: roles, groups or both"))
        return self

    @property
    def plain(self) -> bool:
        """Whether the rule is about roles alone, whatever the object."""
        return not (self.groups or self.except_groups or self.models or self.assistants or self.classes)

    def matches(self, principal: Principal, target: Target) -> bool:
        """Whether the rule speaks about this principal and object."""
        return (
            self.mean(principal)
            and (not self.models or target.model in self.models)
            and (not self.assistants or target.assistant in self.assistants)
            and (not self.classes or target.data_class in self.classes)
        )


class Otherwise(Document):
    """What is said when no access rule allows something."""

    id: RuleId
    reason: Reason


class CustomRole(Document):
    """A role of this house, beside the four that every house has."""

    name: RoleName
    title: Reason = Field(description="What pages call it.")


class SignIn(Document):
    """How long a sign-in lasts and what it takes."""

    idle_minutes: int = Field(default=480, ge=5, le=1440, description="A session unused so long ends.")
    absolute_hours: int = Field(default=168, ge=1, le=720, description="Every session ends after so long.")
    confirm_minutes: int = Field(
        default=10, ge=1, le=60, description="How long a password typed again counts before dangerous acts."
    )
    link_hours: int = Field(
        default=72, ge=1, le=336, description="Invitation and reset links end after so long."
    )
    second_factor: tuple[RoleName, ...] = Field(
        default=(), description="Roles that must have a second factor before they can do anything else."
    )


class Activation(Document):
    """How a change of the policies comes into force."""

    second_person: bool = Field(
        default=False, description="Somebody else than the author must approve a draft."
    )


class ClassRule(Subjects):
    """The lowest class of what some people write."""

    data_class: DataClass

    @model_validator(mode="after")
    def _somebody(self) -> "ClassRule":
        if not self.roles and not self.groups:
            raise ValueError(N_("say whose data it is: roles, groups or both"))
        return self


class Classes(Document):
    """Where the class of a conversation or request begins; from there it only rises."""

    default: DataClass = Field(default=DataClass.OPEN, description="The class of what everybody writes.")
    groups: tuple[ClassRule, ...] = Field(
        default=(), description="Higher ones for some people; the highest counts."
    )


class Access(Document):
    """policies/access.yaml: roles and their permissions. A deny beats every allow."""

    version: Literal[1]
    roles: tuple[CustomRole, ...] = ()
    sign_in: SignIn = SignIn()
    activation: Activation = Activation()
    classes: Classes = Classes()
    otherwise: Otherwise
    rules: tuple[AccessRule, ...]


def known_roles(access: Access) -> tuple[str, ...]:
    """The built-in roles, then those that the document adds."""
    return (*Role, *(role.name for role in access.roles))
