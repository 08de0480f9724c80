"""policies/notices.yaml: what people are told about AI, and what is announced to them."""

from datetime import date
from typing import Literal

from pydantic import Field

from appliance.core import Principal
from appliance.policy.shape import Document, Reason, RuleId, Subjects


class Banner(Subjects):
    """An announcement above the pages, for some people or for everyone."""

    id: RuleId
    level: Literal["info", "warning"] = "info"
    text: Reason
    since: date | None = Field(default=None, description="First day, in Seoul: 2026-03-02.")
    until: date | None = Field(default=None, description="Last day, in Seoul.")

    def shown_to(self, principal: Principal, today: date) -> bool:
        begun = self.since is None or self.since <= today
        return begun and (self.until is None or today <= self.until) and self.mean(principal)


class Notices(Document):
    """policies/notices.yaml: the label on every answer, the notice before the first, banners."""

    version: Literal[1]
    ai_label: Reason
    first_use: Reason
    banners: tuple[Banner, ...] = Field(default=(), max_length=20)
