"""The class of a conversation: it begins where the policy says, only rises, and rules go by it."""

import threading
from typing import Any

from appliance.audit.actions import AuditAction
from appliance.core import DataClass, Outcome, Permission, Role
from appliance.ids import new_id
from appliance.policy.access import AccessRule, ClassRule
from appliance.policy.dlp import Action, Direction, DlpRule
from appliance.policy.model import Parts, compiled
from appliance.policy.retention import Kept, RetentionRule
from appliance.policy.shape import Reason
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.http.test_conversation_pages import ask

WHY = Reason(ko="시험", en="Test")


def change(house: House, **documents: dict[str, Any]) -> None:
    """Put other values into documents of the policy in force."""
    parts = house.policy.current.parts
    values = {name: getattr(parts, name) for name in Parts.__slots__}
    values |= {name: values[name].model_copy(update=update) for name, update in documents.items()}
    house.policy.replace(compiled(Parts(**values), "changed"))


def classes(house: House) -> list[DataClass]:
    return [one.data_class for one in house.conversations("alice")]


def test_a_conversation_begins_with_the_class_that_is_chosen(house: House, alice: Client) -> None:
    assert 'name="data_class"' in alice.get("/chat").text
    place = ask(alice, "내부 회의", data_class="S")
    assert classes(house) == [DataClass.SENSITIVE]
    page = alice.get(place).text
    assert "S · Sensitive" in page
    assert "O · Open" not in page
    ask(alice, "그리고?", place)
    assert classes(house) == [DataClass.SENSITIVE]


def test_a_class_rises_and_never_falls(house: House, alice: Client) -> None:
    place = ask(alice, "인사 자료")
    assert alice.post(f"{place}/classify", json=False, data_class="C").status_code == 303
    assert classes(house) == [DataClass.SECRET]
    assert alice.post(f"{place}/classify", data_class="S").status_code == 409
    assert alice.post(f"{place}/classify", data_class="X").status_code == 400
    assert classes(house) == [DataClass.SECRET]
    (entry,) = [one for one in house.recorded() if one.action == AuditAction.CONVERSATION_CLASSED]
    assert entry.outcome == Outcome.ALLOWED


def test_a_group_has_a_class_of_its_own_to_begin_with(house: House, alice: Client) -> None:
    change(
        house,
        access={
            "classes": house.policy.current.access.classes.model_copy(
                update={"groups": (ClassRule(roles=("member",), data_class=DataClass.SENSITIVE),)}
            )
        },
    )
    assert 'value="O"' not in alice.get("/chat").text
    ask(alice, "내부 자료", data_class="O")
    assert classes(house) == [DataClass.SENSITIVE]


def test_rules_about_findings_go_by_the_class(house: House, alice: Client) -> None:
    rule = DlpRule(
        id="P-9", directions=(Direction.PROMPT,), detectors=("email",), classes=(DataClass.SECRET,),
        action=Action.BLOCK, reason=WHY,
    )  # fmt: skip
    change(house, dlp={"rules": (rule,)})
    text = "보낼 곳은 hong@corp.example 입니다"
    ask(alice, text, data_class="S")
    blocked = alice.post("/chat/messages", text=text, client_id=new_id(), data_class="C")
    assert blocked.status_code == 403
    assert "P-9" in blocked.text


def test_who_has_no_clearance_cannot_go_on_with_a_class(house: House, alice: Client) -> None:
    deny = AccessRule(
        id="A-9", effect="deny", roles=("member",), permissions=(Permission.CHAT_USE,),
        classes=(DataClass.SECRET,), reason=WHY,
    )  # fmt: skip
    change(house, access={"rules": (*house.policy.current.access.rules, deny)})
    place = ask(alice, "초안")
    alice.post(f"{place}/classify", data_class="C")
    refused = alice.post(f"{place}/messages", text="계속", client_id=new_id())
    assert refused.status_code == 403
    assert "A-9" in refused.text


def test_each_class_is_kept_as_long_as_its_rule_says(house: House, alice: Client) -> None:
    rules = (
        RetentionRule(id="R-8", keeps=Kept.CONVERSATION, classes=(DataClass.SECRET,), days=30, reason=WHY),
        RetentionRule(id="R-9", keeps=Kept.CONVERSATION, days=365, reason=WHY),
    )
    change(house, retention={"rules": rules})
    ask(alice, "공개 자료")
    ask(alice, "기밀 자료", data_class="C")
    house.clock.advance(31 * 86_400)
    (due,) = house.services.retention.preview()
    assert (due.rule, due.count, due.data_class) == ("R-8", 1, DataClass.SECRET)
    person = house.person("keeper", Role.POLICY_ADMINISTRATOR)[0]
    assert house.services.retention.run(person).conversations == 1
    assert classes(house) == [DataClass.OPEN]


def test_destroying_takes_the_number_of_things_typed_and_ends_with_a_certificate(
    house: House, admin: Client, alice: Client
) -> None:
    ask(alice, "오래된 대화")
    house.clock.advance(366 * 86_400)
    admin.http.cookies.set("naesil", house.again("admin"))
    page = admin.get("/console/retention").text
    assert "Type 3, the number of things" in page  # the conversation, two decisions on what was said
    for wrong in ("1", "4", "", "3 "):
        assert admin.post("/console/retention/run", number=wrong).status_code in (400, 409), wrong
    assert len(house.conversations("alice")) == 1
    assert admin.post("/console/retention/run", number="3").status_code == 303
    for thread in threading.enumerate():
        if thread.name == "retention":
            thread.join()
    certificate = admin.get("/console/retention").text
    assert "Certificate of destruction" in certificate
    assert "<dt>Keys destroyed</dt><dd>1</dd>" in certificate
    assert house.conversations("alice") == []
    actions = [one.action for one in house.recorded()]
    assert AuditAction.RETENTION_READ in actions
