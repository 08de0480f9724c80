"""How long it takes to erase a person, and whether anything of theirs can be read or the log was touched."""

import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from appliance.admin.erasure import Erasure
from appliance.audit.entry import Entry
from appliance.audit.publickeys import read_public_keys
from appliance.audit.sealing import seal_here
from appliance.audit.tree import newest_checkpoint
from appliance.audit.verify import verify
from appliance.chat.library import Library
from appliance.chat.transcript import Transcript
from appliance.cli.house import OPERATOR, House, open_house
from appliance.core import Principal, Role
from appliance.errors import NaesilError
from appliance.storage.vault import Vault
from benchmarks.registry import Bar, Measurement, Scale
from tests.audit.conftest import PROMPT

PASSWORD = "낡은 기차역 시계탑 아래"
TEXTS_EACH = 10  # kept copies of messages a conversation


def erase(scale: Scale) -> dict[str, float]:
    """A person of 1,000 conversations, with a copy of every sealed text as a back-up would have it."""
    with (
        tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder,
        open_house(Path(folder) / "data", create=True) as house,
    ):
        keys = house.settings.keys_folder
        vault = Vault.open(keys, house.clock)
        library = Library(
            house.database, Transcript(vault, house.clock), house.audit, house.clock, lambda: ()
        )
        account = house.accounts.create(OPERATOR, "alice", PASSWORD, frozenset({Role.MEMBER}))
        copies = _fill(house, vault, Principal(account.id, "user"), scale.of(1000, 5))
        seal_here(house.settings, house.database)
        ring = read_public_keys(keys).ring()
        with house.database.read() as session:
            newest = newest_checkpoint(session)
            readable_before = _readable(session, vault, account.id, copies)
        if newest is None or readable_before != len(copies):
            raise AssertionError("there was nothing to erase")
        before, _ = ring.checkpoint(newest[1], "")
        erasure = Erasure(house.database, house.audit, house.clock, house.accounts, library)
        began = time.perf_counter()
        erasure.conversations(OPERATOR, account.id)
        took = time.perf_counter() - began
        seal_here(house.settings, house.database)
        report = verify(house.database, ring, since=[before])
        with house.database.read() as session:
            readable = _readable(session, vault, account.id, copies)
    return {"erase_s": took, "texts": len(copies), "readable": readable, "log_bad": 0 if report.ok else 1}


Copy = tuple[str, bytes]


def _fill(house: House, vault: Vault, owner: Principal, conversations: int) -> list[Copy]:
    """(row id, sealed text) of everything, and an entry that commits to each."""
    transcript, copies = Transcript(vault, house.clock), list[Copy]()
    with house.database.write() as session:
        for number in range(conversations):
            transcript.add_conversation(session, owner, f"c{number}", "제목")
            for at in range(TEXTS_EACH):
                row, text = f"m{number}-{at}", f"질문 {number} {at} " * 20
                copies.append((row, vault.seal(session, owner.user_id, "message", row, text)))
                house.audit.append(session, _entry(owner), text=text)
    return copies


def _entry(owner: Principal) -> Entry:
    return replace(PROMPT, actor=owner, subject=owner.user_id)


def _readable(session: Session, vault: Vault, owner: str, copies: list[Copy]) -> int:
    count = 0
    for row, sealed in copies:
        with suppress(NaesilError):
            vault.unseal(session, owner, "message", row, sealed)
            count += 1
    return count


WORKLOADS = (
    Measurement(
        "erasure",
        "seconds to erase a person of 1,000 conversations; sealed texts still readable; the log's proof",
        erase,
        bars=(Bar("erase_s", 1, "at most"), Bar("readable", 0, "at most"), Bar("log_bad", 0, "at most")),
    ),
)
