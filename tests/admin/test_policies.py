"""Changing the policies: one revision after the other, never half of one, never out of everybody's reach."""

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.admin.policies import Policies
from appliance.audit.log import AuditLog
from appliance.config import Settings
from appliance.core import SYSTEM, Permission, Principal, Role, Target
from appliance.errors import Conflict, Forbidden, InvalidInput, PolicyViolation
from appliance.identity import house as identity
from appliance.policy.active import ActivePolicy
from appliance.policy.decide import decide
from appliance.policy.decisions import record
from appliance.policy.documents import PolicyError, load_active
from appliance.policy.gate import Gate
from appliance.policy.revisions import Revisions
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock
from tests.people import PASSWORD

BLOCK_EMAIL = """
  - id: P-9
    directions: [prompt]
    detectors: [email]
    action: block
    reason: {ko: 시험, en: Test}
"""
LOCKED_OUT = """
  - id: A-9
    effect: deny
    roles: [policy-administrator]
    permissions: [policy:set:read]
    reason: {ko: 시험, en: Test}
"""
RAISED = """
  - id: A-8
    roles: [policy-administrator]
    permissions: [audit:log:read]
    reason: {ko: 시험, en: Test}
"""
OFFICER = frozenset({Role.POLICY_ADMINISTRATOR, Role.MEMBER})


class Office:
    """Policies over a real database, with two officers and an administrator."""

    def __init__(
        self, database: Database, vault: Vault, audit: AuditLog, clock: FakeClock, data: Path
    ) -> None:
        self.settings = Settings(data=data)
        self.database, self.vault, self.audit, self.clock = database, vault, audit, clock
        self.active = ActivePolicy(load_active(self.settings))
        self.policies = self.process(self.active)
        house = identity.build(database, vault, audit, clock, self.active)
        people, self.groups = house.accounts, house.groups
        people.create(SYSTEM, "admin", PASSWORD, frozenset({Role.ADMINISTRATOR}))
        self.officer = _person(people.create(SYSTEM, "officer", PASSWORD, OFFICER).id)
        self.second = _person(people.create(SYSTEM, "second", PASSWORD, OFFICER).id)

    def process(self, active: ActivePolicy) -> Policies:
        """The services as another process would build them over the same database."""
        people = identity.build(self.database, self.vault, self.audit, self.clock, active)
        revisions = Revisions(self.database, self.audit, self.clock, active)
        revisions.open(self.settings)
        return Policies(self.database, self.audit, self.clock, people, revisions, active)

    def changed(self, name: str = "dlp.yaml", more: str = BLOCK_EMAIL) -> dict[str, str]:
        texts = self.policies.revisions.texts(self.policies.revisions.number())
        return {**texts, name: texts[name] + more}

    def draft(self, name: str = "dlp.yaml", more: str = BLOCK_EMAIL) -> str:
        draft = self.policies.start(self.officer, "stricter")
        return self.policies.write(self.officer, draft.id, name, draft.files[name] + more).id


def _person(user_id: str) -> Principal:
    return Principal(user_id, "user", "s", "10.0.0.7", OFFICER)


@pytest.fixture
def office(database: Database, vault: Vault, audit: AuditLog, clock: FakeClock, data_folder: Path) -> Office:
    return Office(database, vault, audit, clock, data_folder)


def test_the_files_of_the_house_are_revision_one(office: Office) -> None:
    (first,) = office.policies.revisions.history()
    assert (first.number, first.author) == (1, "system")
    assert first.content_hash == office.active.current.revision


def test_a_draft_is_checked_compared_and_activated(office: Office) -> None:
    draft_id = office.draft()
    draft = office.policies.draft(draft_id)
    assert office.policies.problems(draft) == ()
    difference = office.policies.difference(draft.files)
    assert [(one.document, one.rule, one.change) for one in difference.rules] == [("dlp", "P-9", "added")]
    assert "+  - id: P-9" in difference.texts["dlp.yaml"]
    made = office.policies.activate(office.officer, draft_id)
    assert (made.number, made.content_hash) == (2, office.active.current.revision)
    assert office.policies.drafts() == []


def test_a_mistake_leaves_the_old_revision_in_force(office: Office) -> None:
    before = office.active.current
    with pytest.raises(PolicyError, match=r"dlp\.yaml, line [0-9]+: unknown key 'rulez'"):
        office.policies.apply(office.officer, office.changed(more="rulez: []\n"), "")
    assert office.active.current is before
    assert office.policies.revisions.number() == 1


def test_of_two_who_activate_at_once_one_wins_and_the_other_is_told(office: Office) -> None:
    mine, theirs = office.draft(), office.draft(more=BLOCK_EMAIL.replace("P-9", "P-8"))
    other = office.process(ActivePolicy(office.active.current))
    assert other.activate(office.second, theirs).number == 2
    with pytest.raises(Conflict, match="revision 2"):
        office.policies.activate(office.officer, mine)
    assert office.policies.revisions.number() == 2
    office.policies.rebase(office.officer, mine)
    assert office.policies.activate(office.officer, mine).number == 3


def test_what_another_process_activates_is_followed(office: Office) -> None:
    other = office.process(ActivePolicy(office.active.current))
    other.apply(SYSTEM, office.changed(), "from the command line")
    office.policies.follow()
    assert office.active.current.revision == other.revisions.active.revision
    assert "P-9" in office.active.current.reasons


def test_rolling_back_makes_a_new_revision_equal_to_the_old(office: Office) -> None:
    first = office.active.current.revision
    office.policies.activate(office.officer, office.draft())
    back = office.policies.roll_back(office.officer, 1, expected=2)
    assert (back.number, back.content_hash, back.note) == (3, first, "= 1")


def test_nobody_locks_themselves_out(office: Office) -> None:
    with pytest.raises(Conflict, match="lock yourself out"):
        office.policies.apply(office.officer, office.changed("access.yaml", LOCKED_OUT), "")
    assert office.policies.revisions.number() == 1


def test_a_set_that_would_leave_nobody_in_charge_is_refused(office: Office) -> None:
    texts = office.changed("access.yaml", "")
    for role in ("administrator", "policy-administrator"):
        texts["access.yaml"] = texts["access.yaml"].replace(f"    roles: [{role}]", "    roles: [auditor]")
    with pytest.raises(Conflict, match="Nobody would have"):
        office.policies.apply(SYSTEM, texts, "")


def test_a_second_person_is_asked_when_the_house_wants_one(office: Office) -> None:
    texts = office.changed("access.yaml", "")
    texts["access.yaml"] = texts["access.yaml"].replace("second_person: false", "second_person: true")
    office.policies.apply(SYSTEM, texts, "")
    draft_id = office.draft()
    with pytest.raises(Forbidden, match="must approve"):
        office.policies.activate(office.officer, draft_id)
    office.policies.propose(office.officer, draft_id)
    with pytest.raises(Forbidden, match="Somebody else"):
        office.policies.approve(office.officer, draft_id)
    office.policies.approve(office.second, draft_id)
    made = office.policies.activate(office.officer, draft_id)
    assert made.approver == office.second.user_id


def test_nobody_raises_themselves_by_writing_the_policies(office: Office, clock: FakeClock) -> None:
    """Not by activating, not by waiting for a time, not by rolling back: it takes somebody else."""
    mine = office.draft("access.yaml", RAISED)
    with pytest.raises(Forbidden, match="let somebody else approve"):
        office.policies.activate(office.officer, mine)
    with pytest.raises(Forbidden, match="audit:log:read"):
        office.policies.schedule(office.officer, mine, clock.now() + timedelta(hours=2))
    office.policies.apply(SYSTEM, office.changed("access.yaml", RAISED), "")
    office.policies.apply(SYSTEM, office.policies.revisions.texts(1), "")
    with pytest.raises(Forbidden):
        office.policies.roll_back(office.officer, 2, expected=3)
    assert office.policies.revisions.number() == 3


def test_the_author_of_a_draft_is_not_raised_by_whoever_activates_it(office: Office) -> None:
    only_first = RAISED.replace("roles: [policy-administrator]", "groups: [payroll]")
    office.groups.create(SYSTEM, "payroll")
    office.groups.join(SYSTEM, "payroll", office.officer.user_id)
    mine = office.draft("access.yaml", only_first)
    with pytest.raises(Forbidden, match="whoever wrote or activates it"):
        office.policies.activate(office.second, mine)


def test_what_somebody_else_approved_may_raise_its_author(office: Office) -> None:
    mine = office.draft("access.yaml", RAISED)
    office.policies.propose(office.officer, mine)
    office.policies.approve(office.second, mine)
    assert office.policies.activate(office.officer, mine).approver == office.second.user_id


def test_writing_to_an_approved_draft_ends_the_approval(office: Office) -> None:
    draft_id = office.draft()
    office.policies.propose(office.officer, draft_id)
    office.policies.approve(office.second, draft_id)
    changed = office.policies.write(office.officer, draft_id, "terms.txt", "별빛계획\n")
    assert (changed.state, changed.approver) == ("draft", "")


def test_a_scheduled_draft_comes_into_force_at_its_time(office: Office, clock: FakeClock) -> None:
    office.policies.schedule(office.officer, office.draft(), clock.now() + timedelta(hours=2))
    office.policies.follow()
    assert office.policies.revisions.number() == 1
    clock.advance(2 * 3600)
    office.policies.follow()
    assert office.policies.revisions.number() == 2
    assert "P-9" in office.active.current.reasons


def test_a_scheduled_draft_that_was_overtaken_says_why(office: Office, clock: FakeClock) -> None:
    office.policies.schedule(office.officer, office.draft(), clock.now() + timedelta(hours=2))
    office.policies.apply(SYSTEM, office.changed(more=BLOCK_EMAIL.replace("P-9", "P-8")), "")
    clock.advance(2 * 3600)
    office.policies.follow()
    (left,) = office.policies.drafts()
    assert (left.state, "revision 2" in left.problem) == ("draft", True)


def test_where_the_product_may_dial_is_not_changed_from_a_page(office: Office) -> None:
    draft = office.policies.start(office.officer, "")
    with pytest.raises(InvalidInput, match="command line"):
        office.policies.write(office.officer, draft.id, "egress.yaml", "version: 1\n")


def test_a_replay_decides_kept_requests_again_from_counts(
    office: Office, database: Database, clock: FakeClock
) -> None:
    policy, person = office.active.current, office.officer
    with database.write() as session:
        for found in ({"email.HIGH": 2}, {"rrn.HIGH": 1}, {}):
            decision = decide(policy, person, Permission.CHAT_USE)
            record(session, clock.now(), person, Permission.CHAT_USE, Target("m"), found, decision)
    replayed = office.policies.replay(office.officer, office.changed(), days=7)
    assert (replayed.requests, replayed.changed, replayed.people) == (3, 1, 1)
    assert replayed.kinds == (("allowed", "blocked", 1),)
    assert replayed.rules == (("P-9", 1),)
    clock.advance(8 * 86400)
    assert office.policies.replay(office.officer, office.changed(), days=7).requests == 0


def test_a_draft_on_trial_is_followed_and_left(office: Office) -> None:
    draft_id = office.draft()
    office.policies.try_out(office.officer, draft_id)
    trial = office.active.trial
    assert trial is not None
    assert trial.policy is not None
    assert "P-9" in trial.policy.reasons
    assert "P-9" not in office.active.current.reasons
    office.policies.end_trial(office.officer, draft_id)
    assert office.active.trial is None


def test_a_failing_example_keeps_a_draft_out(office: Office) -> None:
    example = "examples:\n  - {name: mail passes, text: a@example.com, expect: allowed}\n"
    texts = office.changed("examples.yaml", "")
    texts["examples.yaml"] = texts["examples.yaml"].replace("examples: []\n", example)
    office.policies.apply(SYSTEM, texts, "")
    with pytest.raises(PolicyError, match="'mail passes' expects allowed, but it would be blocked by P-9"):
        office.policies.apply(SYSTEM, office.changed(), "")


def test_a_refusal_names_its_rule(office: Office) -> None:
    gate = Gate(office.active, office.database, office.audit)
    with pytest.raises(PolicyViolation) as refused:
        gate.require(office.officer, Permission.AUDIT_READ)
    assert refused.value.rules == ("A-0",)
