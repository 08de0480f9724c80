"""A month's review finds what is worth a look, says where, and is signed as exactly this review."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, Leaf, state
from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.review import Finding, review
from appliance.audit.reviews import Reviews
from appliance.audit.sequencer import Sequencer
from appliance.core import Outcome, Principal
from appliance.errors import Conflict, InvalidInput
from appliance.storage.engine import Database
from tests.audit.conftest import PROMPT
from tests.fakes import FakeClock

AUDITOR = Principal("auditor", "user", "session", "10.0.0.9")
NOON = "2026-03-10T03:00:00.000000Z"  # noon in Seoul
NIGHT = "2026-03-10T15:30:00.000000Z"  # half past midnight in Seoul
FAILED = Entry(
    action=AuditAction.LOGIN_FAILED,
    actor=Principal("", "user", origin="10.0.0.66"),
    outcome=Outcome.REFUSED,
)


def found(*made: tuple[Entry, str, int]) -> tuple[Finding, ...]:
    """The findings over these entries: (entry, time, how many)."""
    leaves: list[Leaf] = []
    for entry, time, count in made:
        for _ in range(count):
            one = state(entry, id="id", time=time, boot="b")
            values = {name: getattr(one, name) for name in one.__struct_fields__}
            leaves.append(Leaf(**values | {"index": len(leaves)}))
    return review("2026-03", 0, len(leaves), leaves).findings


def test_use_at_night_is_found_by_seouls_clock() -> None:
    assert found((PROMPT, NOON, 50)) == ()
    assert found((PROMPT, NIGHT, 4)) == ()
    assert found((PROMPT, NOON, 3), (PROMPT, NIGHT, 5)) == (Finding("night", "alice", 5, 3, 7),)


def test_many_exports_in_one_day_are_found() -> None:
    export = replace(PROMPT, action=AuditAction.AUDIT_EXPORTED)
    assert found((export, NOON, 2), (export, "2026-03-11T03:00:00.000000Z", 2)) == ()
    assert found((export, NOON, 3)) == (Finding("exports", "alice 2026-03-10", 3, 0, 2),)


def test_many_blocks_and_failed_sign_ins_are_found() -> None:
    blocked = replace(PROMPT, outcome=Outcome.BLOCKED)
    assert found((blocked, NOON, 9), (FAILED, NOON, 9)) == ()
    assert found((blocked, NOON, 10), (FAILED, NOON, 12)) == (
        Finding("blocks", "alice", 10, 0, 9),
        Finding("sign-in", "10.0.0.66", 12, 10, 21),
    )


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (replace(PROMPT, action=AuditAction.CLOCK_JUMPED), "clock"),
        (replace(PROMPT, action=AuditAction.EGRESS_DENIED), "egress"),
        (replace(PROMPT, action=AuditAction.AUDIT_VERIFIED, outcome=Outcome.FAILED), "verification"),
        (replace(PROMPT, action=AuditAction.GUARD_LEVEL, guard_level="partial"), "guard"),
    ],
)
def test_one_of_these_is_enough(entry: Entry, kind: str) -> None:
    assert [finding.kind for finding in found((entry, NOON, 1))] == [kind]


@pytest.fixture
def reviews(database: Database, audit: AuditLog, clock: FakeClock) -> Reviews:
    return Reviews(database, audit, clock)


def test_a_review_is_signed_once_its_month_is_over_and_only_as_it_was_read(
    database: Database,
    clock: FakeClock,
    sequencer: Sequencer,
    record: Callable[[int], None],
    reviews: Reviews,
) -> None:
    record(3)
    sequencer.run_once()
    made = reviews.make(AUDITOR, "2026-03")
    with pytest.raises(Conflict, match="not over"):
        reviews.sign(AUDITOR, "2026-03", made.sha256, "")
    clock.advance((datetime(2026, 4, 2, tzinfo=UTC) - clock.now()).total_seconds())
    sequencer.run_once()
    assert reviews.due() == "2026-03"
    with pytest.raises(Conflict, match="has changed"):
        reviews.sign(AUDITOR, "2026-03", made.sha256, "")
    made = reviews.make(AUDITOR, "2026-03")
    assert (made.entries, made.people, made.actions[AuditAction.PROMPT]) == (4, 2, 3)
    reviews.sign(AUDITOR, "2026-03", made.sha256, "  모두   확인함 ")
    assert reviews.due() == ""
    (signed,) = reviews.signatures()
    assert (signed.month, signed.actor_id, signed.sha256, signed.note) == (
        "2026-03", "auditor", made.sha256, "모두 확인함",
    )  # fmt: skip
    sequencer.run_once()
    assert entries(database, 0, 99)[-1].action == AuditAction.REVIEW_SIGNED
    assert reviews.make(AUDITOR, "2026-03").sha256 == made.sha256


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-1", "März", "2026-03-01"])
def test_what_is_no_month_is_refused(reviews: Reviews, month: str) -> None:
    with pytest.raises(InvalidInput):
        reviews.make(AUDITOR, month)
