"""Groups: who is in them is what policies and sessions see, and every change is in the log."""

from collections.abc import Callable

import pytest

from appliance.audit.entry import Leaf
from appliance.core import SYSTEM
from appliance.errors import Conflict, NotFound
from appliance.identity.accounts import Account
from appliance.identity.door import Door
from appliance.identity.groups import Groups
from appliance.identity.keys import ApiKeys
from appliance.identity.sessions import Sessions


def test_a_person_acts_with_the_groups_they_are_in(
    groups: Groups, door: Door, sessions: Sessions, keys: ApiKeys, alice: Account
) -> None:
    groups.create(SYSTEM, "영업부")
    groups.create(SYSTEM, "연구소")
    token = door.open_for(alice, "10.0.0.7")
    _, secret = keys.create(SYSTEM, alice.id, "report")
    groups.join(SYSTEM, "영업부", alice.id)
    for principal in (sessions.authenticate(token, "10.0.0.7"), keys.authenticate(secret, "10.0.0.7")):
        assert principal is not None
        assert principal.groups == {"영업부"}
    groups.leave(SYSTEM, "영업부", alice.id)
    later = sessions.authenticate(token, "10.0.0.7")
    assert later is not None
    assert later.groups == frozenset()


def test_groups_are_listed_with_their_size(groups: Groups, alice: Account, bob: Account) -> None:
    groups.create(SYSTEM, "연구소")
    groups.create(SYSTEM, "A팀")
    groups.join(SYSTEM, "연구소", alice.id)
    groups.join(SYSTEM, "연구소", bob.id)
    assert [(group.name, group.members) for group in groups.list()] == [("A팀", 0), ("연구소", 2)]
    assert groups.members("연구소") == ((alice.id, "alice"), (bob.id, "bob"))


def test_a_name_means_one_group_whatever_its_case_or_width(groups: Groups) -> None:
    groups.create(SYSTEM, "Sales")
    with pytest.raises(Conflict, match="already"):
        groups.create(SYSTEM, "ｓａｌｅｓ")


def test_a_deleted_group_leaves_its_people(groups: Groups, alice: Account) -> None:
    groups.create(SYSTEM, "연구소")
    groups.join(SYSTEM, "연구소", alice.id)
    groups.delete(SYSTEM, "연구소")
    assert groups.list() == []
    assert groups.of(alice.id) == frozenset()


def test_unknown_groups_and_people_are_refused(groups: Groups, alice: Account) -> None:
    groups.create(SYSTEM, "연구소")
    for call in (
        lambda: groups.join(SYSTEM, "없는 부서", alice.id),
        lambda: groups.join(SYSTEM, "연구소", "nobody"),
        lambda: groups.leave(SYSTEM, "없는 부서", alice.id),
        lambda: groups.delete(SYSTEM, "없는 부서"),
        lambda: groups.members("없는 부서"),
    ):
        with pytest.raises(NotFound):
            call()


def test_each_change_is_recorded_once(
    groups: Groups, alice: Account, recorded: Callable[[], list[Leaf]]
) -> None:
    group = groups.create(SYSTEM, "연구소")
    for _ in range(2):
        groups.join(SYSTEM, "연구소", alice.id)
    for _ in range(2):
        groups.leave(SYSTEM, "연구소", alice.id)
    groups.delete(SYSTEM, "연구소")
    mine = [leaf for leaf in recorded() if leaf.object == f"group:{group.id}"]
    assert [(leaf.action, leaf.subject) for leaf in mine] == [
        ("identity:group:create", ""),
        ("identity:group:join", alice.id),
        ("identity:group:leave", alice.id),
        ("identity:group:delete", ""),
    ]
