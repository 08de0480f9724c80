"""admit -> stream -> settle: nothing before its entry, and every admission settled exactly once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from appliance.audit.store import OutboxRow
from appliance.completions import store
from appliance.completions.pipeline import Completions
from appliance.completions.values import Admitted, Ask, Reply
from appliance.config import share_folder
from appliance.core import Permission, Principal
from appliance.errors import InvalidInput, LimitReached, PolicyViolation, StorageFailed, Unavailable
from appliance.inference.client import InferenceClient
from appliance.policy.documents import load
from appliance.protocol.messages import (
    Failed,
    Finished,
    Queued,
    Sampling,
    StreamEvent,
    Token,
    Turn,
)
from appliance.storage.engine import Database
from tests.scripted_runtime import LONG, ScriptedRuntime


def ask(principal: Principal, text: str = "안녕?") -> Ask:
    return Ask(
        principal=principal,
        permission=Permission.CHAT_USE,
        turns=(Turn("user", text),),
        sampling=Sampling(),
        request_id="r-1",
        object="conversation:1",
        subject_id=principal.user_id,
    )


def entries(database: Database) -> list[dict[str, Any]]:
    """What the log accepted about completions, oldest first."""
    with database.read() as session:
        bodies = [json.loads(row.body) for row in session.query(OutboxRow).order_by(OutboxRow.sequence)]
    return [body for body in bodies if body["action"].startswith("chat:")]


def unsettled(database: Database) -> int:
    with database.read() as session:
        return len(store.unsettled(session))


def with_runtime(inference: InferenceClient, scenario: Callable[[ScriptedRuntime], Awaitable[None]]) -> None:
    async def run() -> None:
        runtime = ScriptedRuntime()
        await runtime.connect(inference)
        try:
            await scenario(runtime)
        finally:
            await inference.close()
            await runtime.close()

    asyncio.run(run())


def test_an_answer_leaves_a_prompt_and_a_reply_entry_without_their_text(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        admitted = completions.admit(ask(alice))
        assert [entry["action"] for entry in entries(database)] == ["chat:prompt:accept"]
        events = [event async for event in completions.stream(admitted)]
        assert "".join(event.text for event in events if isinstance(event, Token)) == "안녕하세요"
        assert isinstance(events[-1], Finished)

    with_runtime(inference, scenario)
    prompt, reply = entries(database)
    assert reply["action"] == "chat:reply:finish"
    assert reply["outcome"] == "allowed"
    assert prompt["subject"] == reply["subject"] == alice.user_id
    assert len(prompt["commitment"]) == 64
    assert "안녕" not in json.dumps([prompt, reply], ensure_ascii=False)
    assert unsettled(database) == 0


def test_the_model_sees_nothing_when_the_entry_cannot_be_written(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    def full_disk(_session: Session, _admitted: Admitted) -> None:
        raise StorageFailed("full")

    async def scenario(runtime: ScriptedRuntime) -> None:
        with pytest.raises(StorageFailed):
            completions.admit(ask(alice), full_disk)
        assert runtime.asked == []

    with_runtime(inference, scenario)
    assert entries(database) == []
    assert unsettled(database) == 0


def test_leaving_early_cancels_and_settles_what_was_said(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    kept: list[Reply] = []

    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        admitted = completions.admit(ask(alice))
        keep = lambda _session, _id, reply: kept.append(reply)  # noqa: E731 - shorter than a def here
        async with aclosing(completions.stream(admitted, keep)) as events:
            async for event in events:
                if isinstance(event, Token):
                    break
        while not runtime.cancelled:
            await asyncio.sleep(0)

    with_runtime(inference, scenario)
    assert [reply.state for reply in kept] == ["stopped"]
    assert kept[0].text
    assert entries(database)[-1]["reason"] == "cancelled"
    assert unsettled(database) == 0


def test_a_runtime_that_dies_settles_the_answer_as_failed(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        admitted = completions.admit(ask(alice))
        stream = completions.stream(admitted)
        await anext(stream)
        runtime.die()
        last = [event async for event in stream][-1]
        assert isinstance(last, Failed)
        assert last.code == "lost"

    with_runtime(inference, scenario)
    assert entries(database)[-1]["outcome"] == "failed"
    assert unsettled(database) == 0


def test_a_whole_answer_begins_anew_when_the_runtime_dies_and_is_recorded_once(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        answer = asyncio.create_task(_whole(completions, completions.admit(ask(alice))))
        while not runtime.asked:
            await asyncio.sleep(0)
        runtime.die()  # what it said comes before its end
        while inference.model is not None:
            await asyncio.sleep(0)
        after = ScriptedRuntime()
        await after.connect(inference)
        try:
            events = await answer
        finally:
            await after.close()
        assert "".join(event.text for event in events if isinstance(event, Token)) == "안녕하세요"
        assert isinstance(events[-1], Finished)

    with_runtime(inference, scenario)
    assert [entry["action"] for entry in entries(database)] == ["chat:prompt:accept", "chat:reply:finish"]
    assert entries(database)[-1]["outcome"] == "allowed"
    assert unsettled(database) == 0


async def _whole(completions: Completions, admitted: Admitted) -> list[StreamEvent]:
    return [event async for event in completions.stream(admitted, whole=True)]


def test_settling_twice_records_once(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        admitted = completions.admit(ask(alice))
        completions.settle(admitted, Reply())
        completions.settle(admitted, Reply())

    with_runtime(inference, scenario)
    assert [entry["action"] for entry in entries(database)] == ["chat:prompt:accept", "chat:reply:finish"]


def test_an_end_that_could_not_be_recorded_is_recorded_once_when_it_can_be(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    away = [True, True]

    def keep(_session: Session, _id: str, _reply: Reply) -> None:
        if away and away.pop():
            raise StorageFailed("away")

    async def scenario(_runtime: ScriptedRuntime) -> None:
        admitted = completions.admit(ask(alice))
        with pytest.raises(StorageFailed):
            [event async for event in completions.stream(admitted, keep)]

    with_runtime(inference, scenario)
    with pytest.raises(StorageFailed):
        completions.settle_owed()
    assert unsettled(database) == 1
    assert (completions.settle_owed(), completions.settle_owed()) == (1, 0)
    assert entries(database)[-1]["outcome"] == "allowed"
    assert unsettled(database) == 0


def test_what_a_crash_left_is_settled_as_lost_at_the_next_start(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        completions.admit(ask(alice))

    with_runtime(inference, scenario)
    assert completions.recover() == 1
    assert completions.recover() == 0
    assert entries(database)[-1]["reason"] == "lost"


def test_somebody_without_the_permission_is_refused_and_recorded(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        with pytest.raises(PolicyViolation) as caught:
            completions.admit(ask(replace(alice, roles=frozenset())))
        assert caught.value.rules
        assert runtime.asked == []

    with_runtime(inference, scenario)
    assert [entry["action"] for entry in entries(database)] == ["chat:prompt:refuse"]


def test_one_person_may_have_only_so_many_answers_open(
    completions: Completions, inference: InferenceClient, alice: Principal
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        limit = load(share_folder("policies")).parts.limits.default
        for _ in range(limit.running + limit.waiting):
            completions.admit(ask(alice))
        with pytest.raises(LimitReached):
            completions.admit(ask(alice))

    with_runtime(inference, scenario)


def test_who_asks_while_the_model_process_restarts_is_answered_by_the_next_one(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.die()
        while inference.model is not None:
            await asyncio.sleep(0)
        admitted = completions.admit(ask(alice))
        stream = completions.stream(admitted)
        assert isinstance(await anext(stream), Queued)
        after = ScriptedRuntime()
        await after.connect(inference)
        try:
            events = [event async for event in stream]
        finally:
            await after.close()
        assert "".join(event.text for event in events if isinstance(event, Token)) == "안녕하세요"
        assert isinstance(events[-1], Finished)

    with_runtime(inference, scenario)
    assert [entry["action"] for entry in entries(database)] == ["chat:prompt:accept", "chat:reply:finish"]


def test_without_a_model_nothing_is_promised(
    completions: Completions, alice: Principal, database: Database
) -> None:
    with pytest.raises(Unavailable):
        completions.admit(ask(alice))
    assert entries(database) == []


def test_a_resident_number_is_masked_before_the_model_and_counted_in_the_log(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        admitted = completions.admit(ask(alice, "주민번호는900101-1234567입니다"))
        assert [event async for event in completions.stream(admitted)]
        assert "1234567" not in runtime.asked[0].turns[0].content
        assert admitted.last_turn == {"rrn": 1}

    with_runtime(inference, scenario)
    prompt = entries(database)[0]
    assert prompt["outcome"] == "masked"
    assert prompt["rules"] == ["P-3"]


def test_a_resident_number_in_a_reply_is_masked_however_its_tokens_fall(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.words = ("번호는 9001", "01-12", "34567", "이라고 합니다.")
        admitted = completions.admit(ask(alice))
        events = [event async for event in completions.stream(admitted)]
        said = "".join(event.text for event in events if isinstance(event, Token))
        assert "1234567" not in said
        assert said.endswith("이라고 합니다.")

    with_runtime(inference, scenario)
    assert entries(database)[-1]["outcome"] == "masked"


ASKING = """
version: 1
rules:
  - {id: T-1, directions: [prompt], detectors: [phone], action: ask, reason: {ko: 시험, en: test}}
  - {id: T-2, directions: [prompt], detectors: [rrn], action: mask, reason: {ko: 시험, en: test}}
"""


def test_what_a_rule_asks_about_goes_masked_or_with_a_reason(
    completions: Completions, inference: InferenceClient, alice: Principal, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "dlp.yaml").write_text(ASKING, "utf-8")
    completions._policy.replace(load(share_folder("policies"), tmp_path))
    told = ask(alice, "900101-1234567, 010-1234-5678, 900101-1234567")

    async def scenario(_runtime: ScriptedRuntime) -> None:
        with pytest.raises(PolicyViolation) as held:
            completions.admit(told)
        assert held.value.offers == {"masked", "as_is"}
        masked = completions.admit(replace(told, choice="masked"))
        assert masked.turns[0].content == "<주민번호-1>, <전화번호-1>, <주민번호-1>"
        with pytest.raises(InvalidInput):
            completions.admit(replace(told, choice="as_is"))
        sent = completions.admit(replace(told, choice="as_is", stated_reason="고객 010-9999-8888 요청"))
        assert sent.turns[0].content == "<주민번호-1>, 010-1234-5678, <주민번호-1>"

    with_runtime(inference, scenario)
    last = entries(database)[-1]
    assert (last["outcome"], last["rules"]) == ("warned", ["T-1"])
    assert "고객" in last["reason"]
    assert "9999" not in last["reason"]


QUOTA = "requests_per_minute: 1200\n  requests_per_day: 3\n  tokens_per_day: 100"


def test_a_days_allowance_holds_however_many_ask_at_once(
    completions: Completions, inference: InferenceClient, alice: Principal, tmp_path: Path
) -> None:
    limits = (share_folder("policies") / "limits.yaml").read_text("utf-8")
    (tmp_path / "limits.yaml").write_text(limits.replace("requests_per_minute: 1200", QUOTA, 1), "utf-8")
    completions._policy.replace(load(share_folder("policies"), tmp_path))
    told = replace(ask(alice), sampling=Sampling(max_tokens=70))

    async def scenario(_runtime: ScriptedRuntime) -> None:
        both = await asyncio.gather(*(asyncio.to_thread(completions.admit, told) for _ in range(2)))
        assert sorted(one.max_tokens for one in both) == [30, 70]
        assert completions.left(alice).tokens_today == 0
        with pytest.raises(LimitReached) as reached:
            completions.admit(told)
        assert 0 < reached.value.retry_after <= 86_400
        for one in both:
            completions.withdraw(one)
        assert completions.left(alice).tokens_today == 100
        assert completions.left(alice).requests_today == 1
        completions.admit(told)
        with pytest.raises(LimitReached):
            completions.admit(told)

    with_runtime(inference, scenario)
