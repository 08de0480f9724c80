"""A chat over a real database and a scripted runtime, with two people who do not share."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from appliance.audit.log import AuditLog
from appliance.chat.assistants import Assistants
from appliance.chat.attachments import Attachments
from appliance.chat.library import Library
from appliance.chat.service import Chat
from appliance.chat.transcript import Transcript
from appliance.chat.values import Wish
from appliance.completions.pipeline import Completions
from appliance.config import share_folder
from appliance.core import Principal
from appliance.inference.client import InferenceClient
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.protocol.messages import StreamEvent
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.completions.conftest import alice, completions, inference
from tests.fakes import FakeClock
from tests.http.fakes import read_here
from tests.people import member
from tests.scripted_runtime import ScriptedRuntime

__all__ = ["alice", "completions", "inference"]

Scenario = Callable[[ScriptedRuntime], Awaitable[None]]


@pytest.fixture
def bob(database: Database, vault: Vault, audit: AuditLog, clock: FakeClock) -> Principal:
    return member(database, vault, audit, clock, "bob")


@pytest.fixture
def chat(
    database: Database,
    vault: Vault,
    audit: AuditLog,
    completions: Completions,
    inference: InferenceClient,
    clock: FakeClock,
) -> Chat:
    policy = ActivePolicy(load(share_folder("policies")))
    assistants = Assistants(database, vault, audit, clock, policy)
    attachments = Attachments(database, vault, audit, clock, policy, inference, read_here)
    return Chat(database, Transcript(vault, clock), completions, inference, assistants, attachments)


@pytest.fixture
def library(database: Database, vault: Vault, audit: AuditLog, clock: FakeClock, chat: Chat) -> Library:
    return Library(database, Transcript(vault, clock), audit, clock, lambda: chat.running)


def wish(text: str, conversation_id: str | None, client_id: str, request_id: str = "r-1") -> Wish:
    return Wish(conversation_id=conversation_id, client_id=client_id, request_id=request_id, text=text)


@pytest.fixture
def play(chat: Chat, inference: InferenceClient) -> Callable[[Scenario], None]:
    """Runs a scenario with a runtime attached, and closes the chat at its end."""

    def run(scenario: Scenario) -> None:
        async def everything() -> None:
            runtime = ScriptedRuntime()
            await runtime.connect(inference)
            try:
                await scenario(runtime)
            finally:
                await chat.close()
                await inference.close()
                await runtime.close()

        asyncio.run(everything())

    return run


async def follow(chat: Chat, who: Principal, conversation_id: str, answer_id: str) -> list[StreamEvent]:
    return [event async for event in chat.events(who, conversation_id, answer_id)]
