"""Assistants, prompts, temporary chats and comparisons, as people use them without a script."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from appliance.chat.assistants import AssistantDraft
from appliance.core import SYSTEM
from appliance.errors import ConfigError, NotFound
from appliance.ids import new_id
from appliance.inference.registry import EMBEDDED_NAME
from appliance.protocol.messages import PUBLIC
from appliance.storage.base import Base
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.inference.gguf_files import gguf

SECRET = "ZEBRA-7731"
LEGAL = "법무"


def fields(**more: str) -> Any:
    return {
        "name": "계약 검토",
        "instructions": f"조항을 살펴라. {SECRET}",
        "starters": "무엇을 볼까?",
    } | more


def join(house: House, name: str) -> None:
    if LEGAL not in {group.name for group in house.identity.groups.list()}:
        house.identity.groups.create(SYSTEM, LEGAL)
    house.identity.groups.join(SYSTEM, LEGAL, house.accounts.find(name).id)


def ask(client: Client, maker: str) -> Any:
    return client.post("/chat/messages", text="안녕", client_id=new_id(), maker=maker)


def actions(house: House) -> list[str]:
    return [entry.action for entry in house.recorded()]


def everything_stored(house: House) -> str:
    """All rows of all tables, as they are on disk."""
    with house.database.read() as session:
        tables = Base.metadata.sorted_tables
        return "".join(repr(session.execute(select(table)).all()) for table in tables)


def test_an_assistant_of_the_house_is_for_its_groups_alone(
    house: House, admin: Client, alice: Client, bob: Client
) -> None:
    join(house, "alice")
    assert admin.post("/console/assistants", **fields(groups=LEGAL)).status_code == 303
    made = house.services.assistants.house()[0]
    assert "계약 검토" in alice.get("/assistants").text
    assert "무엇을 볼까?" in alice.get(f"/chat?assistant={made.id}").text
    assert "계약 검토" not in bob.get("/assistants").text
    assert "계약 검토" not in bob.get(f"/chat?assistant={made.id}").text
    assert ask(bob, maker=made.id).status_code == 404
    assert ask(alice, maker=made.id).status_code == 303
    assert "chat:assistant:create" in actions(house)
    assert "chat:assistant:use" in actions(house)


def test_its_instructions_lead_as_a_public_prefix_and_go_on_leading(
    house: House, admin: Client, alice: Client
) -> None:
    admin.post("/console/assistants", **fields())
    made = house.services.assistants.house()[0]
    place = ask(alice, maker=made.id).headers["location"]
    assert "계약 검토" in alice.get(place).text
    alice.post(f"{place}/messages", text="그리고?", client_id=new_id(), maker="free")
    for asked in house.inference.asked:
        assert asked.turns[0].role == "system"
        assert SECRET in asked.turns[0].content
        assert (asked.prefix_turns, asked.prefix_scope) == (1, PUBLIC)


def test_a_persons_own_assistant_is_sealed_private_and_no_public_prefix(
    house: House, alice: Client, bob: Client
) -> None:
    assert alice.post("/assistants", **fields()).status_code == 303
    made = house.services.assistants.own(house.principal("alice"))[0]
    assert SECRET not in everything_stored(house)
    assert bob.get(f"/assistants/{made.id}").status_code == 404
    assert bob.post(f"/assistants/{made.id}", **fields()).status_code == 404
    assert ask(bob, maker=made.id).status_code == 404
    ask(alice, maker=made.id)
    assert house.inference.asked[0].prefix_scope != PUBLIC
    assert alice.post(f"/assistants/{made.id}", **fields(name="")).status_code == 400
    alice.post(f"/assistants/{made.id}/remove")
    assert house.services.assistants.own(house.principal("alice")) == []


def test_an_assistant_of_another_model_says_so(house: House, alice: Client) -> None:
    made_of = AssistantDraft(name="큰 모델", instructions="답하라", model="large")
    made = house.services.assistants.save(house.principal("alice"), made_of, house=False)
    refused = ask(alice, maker=made)
    assert refused.status_code == 409
    assert "large" in refused.text


def test_a_prompt_asks_for_its_variables_and_fills_the_message_field(house: House, alice: Client) -> None:
    alice.post("/prompts", name="회의 요약", text="{{주제}} 회의록을 {{ 길이 }}로 요약해 줘. {{주제}}!")
    assert "회의 요약" in alice.get("/prompts?q=회의록").text
    assert "회의 요약" not in alice.get("/prompts?q=계약").text
    prompt = house.services.prompts.own(house.principal("alice"))[0]
    assert prompt.variables == ("주제", "길이")
    assert "회의록을" not in everything_stored(house)
    values: Any = {"value-0": "예산 {{길이}}", "value-1": "세 줄"}
    page = alice.post(f"/prompts/{prompt.id}/use", **values).text
    assert "예산 {{길이}} 회의록을 세 줄로 요약해 줘. 예산 {{길이}}!</textarea>" in page


def test_a_shared_prompt_is_for_the_group_and_changed_by_its_owner_alone(
    house: House, alice: Client, bob: Client, admin: Client
) -> None:
    for name in ("alice", "bob"):
        join(house, name)
    assert admin.post("/prompts", name="몰래", text="x", group=LEGAL).status_code == 400
    alice.post("/prompts", name="함께 쓰기", text="{{이름}} 귀하", group=LEGAL)
    prompt = house.services.prompts.own(house.principal("alice"))[0]
    assert "함께 쓰기" in bob.get("/prompts").text
    assert "함께 쓰기" not in admin.get("/prompts").text
    assert admin.get(f"/prompts/{prompt.id}").status_code == 404
    assert bob.post(f"/prompts/{prompt.id}", name="내 것", text="x").status_code == 404
    assert bob.post(f"/prompts/{prompt.id}/remove").status_code == 404
    assert "chat:saved-prompt:write" in actions(house)


def test_destroying_what_one_wrote_takes_assistants_and_prompts(house: House, alice: Client) -> None:
    alice.post("/assistants", **fields())
    alice.post("/prompts", name="p", text="q")
    principal = house.principal("alice")
    held = house.services.records.held(principal)
    assert (held.assistants, held.prompts) == (1, 1)
    house.services.erasure.conversations(principal, principal.user_id)
    held = house.services.records.held(principal)
    assert (held.assistants, held.prompts) == (0, 0)


def test_a_temporary_chat_is_answered_and_stored_nowhere(house: House, alice: Client, bob: Client) -> None:
    place = alice.post("/temporary/messages", text=f"{SECRET} 비밀").headers["location"].partition("#")[0]
    answer = re.search(r'data-answer="([^"]+)"', alice.get(place).text)
    assert answer
    assert "finished" in alice.get(f"{place}/answers/{answer[1]}").text
    page = alice.get(place).text
    assert "<strong>" in page
    assert "Nothing of this chat is stored" in page
    alice.post(f"{place}/messages", text="그리고?")
    assert [turn.role for turn in house.inference.asked[-1].turns] == ["user", "assistant", "user"]
    assert bob.get(place).status_code == 404
    assert bob.post(f"{place}/end").status_code == 404
    assert house.conversations("alice") == []
    assert SECRET not in everything_stored(house)
    talk_id = place.rsplit("/", 1)[1]
    assert {e.object for e in house.recorded() if e.action.startswith("chat:")} == {f"temporary:{talk_id}"}
    assert alice.post(f"{place}/end").status_code == 303
    assert alice.get(place).status_code == 404
    assert house.inference.forgotten[-1].endswith(talk_id)


def test_the_policy_speaks_in_temporary_chats_too(alice: Client) -> None:
    refused = alice.post("/temporary/messages", text=" ")
    assert refused.status_code == 400
    assert "Type a question first" in refused.text


def test_two_settings_answer_one_question_and_the_kept_one_goes_on(
    house: House, alice: Client, bob: Client
) -> None:
    page = alice.get("/compare").text
    assert "One model is loaded at a time: small" in page
    sent = alice.post(
        "/compare", text="어느 쪽?", left="precise", right="free", client_id=new_id(), second_id=new_id()
    )
    place = sent.headers["location"]
    answers = re.findall(r'data-answer="([^"]+)"', alice.get(place).text)
    assert len(answers) == 2
    assert sorted(one.sampling.temperature or 0 for one in house.inference.asked) == [0.2, 1.0]
    conversation = place.split("/")[2]
    for answer in answers:
        alice.get(f"/chat/{conversation}/answers/{answer}")
    assert bob.get(place).status_code == 404
    alice.post(f"/chat/{conversation}/show", message=answers[0])
    assert house.conversations("alice")[0].messages[-1].id == answers[0]
    alice.post(f"/chat/{conversation}/messages", text="더", client_id=new_id())
    assert house.inference.asked[-1].sampling.temperature == 0.2


def test_somebody_elses_assistant_reads_as_missing_in_the_service(house: House) -> None:
    (alice, _), (bob, _) = house.person("alice"), house.person("bob")
    made = house.services.assistants.save(alice, AssistantDraft(name="a", instructions="b"), house=False)
    with pytest.raises(NotFound):
        house.services.assistants.get(bob, made)


@pytest.fixture
def other(house: House, admin: Client) -> str:
    """A second model on the shelf, beside the embedded one that serves."""
    incoming = house.settings.models_folder / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "other.gguf").write_bytes(gguf())
    admin.post("/console/models/import", file="other.gguf", name="other")
    admin.post("/console/models/use", name=EMBEDDED_NAME)
    house.switched.clear()
    return "model:other"


def compared(client: Client, other: str) -> Any:
    return client.post("/compare", text="?", right=other, client_id=new_id(), second_id=new_id())


def fetched(client: Client, place: str) -> str:
    while client.http.get(place, headers={"Accept": "application/json"}).json()["fetching"]:
        pass
    return str(client.get(place).text)


def test_two_models_answer_one_question_and_the_first_serves_again(
    house: House, admin: Client, other: str
) -> None:
    assert "Model other" in admin.get("/compare").text
    place = compared(admin, other).headers["location"]
    page = fetched(admin, place)
    assert re.findall(r'<h2 id="maker-\d">([^<]+)', page) == [f"Model {EMBEDDED_NAME}", "Model other"]
    assert house.switched == ["other", EMBEDDED_NAME]
    conversation, first = place.split("/")[2], re.findall(r'data-answer="([^"]+)"', page)[1]
    admin.get(f"/chat/{conversation}/answers/{first}")
    admin.post(f"/chat/{conversation}/show", message=first)
    again = admin.post(f"/chat/{conversation}/messages", text="더", client_id=new_id())
    assert again.status_code == 303  # goes on with the model that serves
    chosen = [e.object for e in house.recorded() if e.action == "model:choice:set"]
    assert chosen[-2:] == ["model:other", f"model:{EMBEDDED_NAME}"]


def test_a_model_that_does_not_load_is_said_beside_the_first_answer(
    house: House, admin: Client, other: str
) -> None:
    house.switch_failure = ConfigError("The model could not be loaded: %(reason)s.", reason="no memory")
    page = fetched(admin, compared(admin, other).headers["location"])
    assert "no memory" in page
    assert page.count("data-answer=") == 1
    house.switch_failure = None
    assert compared(admin, other).status_code == 303  # the next comparison is not held up


def test_only_who_may_choose_the_model_has_another_one_fetched(
    house: House, admin: Client, alice: Client, other: str
) -> None:
    page = alice.get("/compare").text
    assert "Not loaded: other" in page
    assert "Model other" not in page
    assert compared(alice, other).status_code == 403
    assert house.switched == []
    assert compared(admin, "model:nothing").status_code == 404
    assert house.conversations("alice") == []
