"""The pages around getting in: each step leads on, dangerous acts ask again, links work once."""

import io
import json
import re
import zipfile
from contextlib import ExitStack

import pyotp
import pytest

from appliance.audit.actions import AuditAction
from appliance.core import SYSTEM, Role
from appliance.ids import new_id
from tests.http.conftest import Client, _client
from tests.http.fakes import PASSWORD, House

NEW = "은행나무 밑 오래된 우체통"


def turned_on(house: House, client: Client) -> pyotp.TOTP:
    """Turn the second factor on as the page does; the authenticator app."""
    page = client.get("/account/second-factor").text
    assert "<svg" in page
    secret = re.search(r'name="secret" value="([A-Z2-7]+)"', page)
    assert secret is not None
    app = pyotp.TOTP(secret[1])
    done = client.post("/account/second-factor", secret=secret[1], code=app.at(house.clock.now()))
    assert len(re.findall(r"<code>[a-z2-9]{5}(?:-[a-z2-9]{5}){2}</code>", done.text)) == 10
    house.clock.advance(60)
    return app


def test_signing_in_with_a_second_factor_takes_two_pages_and_changes_the_cookie(
    house: House, alice: Client, stranger: Client
) -> None:
    app = turned_on(house, alice)
    stranger.get("/sign-in")
    half = stranger.post("/sign-in", name="alice", password=PASSWORD, next="/account")
    assert half.headers["location"] == "/sign-in/code?next=/account"
    halfway = stranger.http.cookies["naesil"]
    for closed in ("/chat", "/account", "/account/security"):
        assert stranger.get(closed).headers["location"].startswith("/sign-in/code?next=")
    assert stranger.get("/sign-in/code").status_code == 200
    assert stranger.post("/sign-in/code", code="123456", next="/account").status_code == 400
    whole = stranger.post("/sign-in/code", code=app.at(house.clock.now()), next="/account")
    assert (whole.status_code, whole.headers["location"]) == (303, "/account")
    assert stranger.http.cookies["naesil"] != halfway
    assert stranger.get("/account").status_code == 200


def test_a_reset_goes_round_no_second_factor(house: House, alice: Client, stranger: Client) -> None:
    turned_on(house, alice)
    link = house.identity.links.reset(SYSTEM, house.accounts.find("alice").id)
    stranger.get(f"/welcome/{link.token}")
    half = stranger.post(f"/welcome/{link.token}", password=NEW, repeated=NEW)
    assert half.headers["location"].startswith("/sign-in/code")
    assert stranger.get("/chat").headers["location"].startswith("/sign-in/code")


def test_dangerous_acts_ask_for_the_password_again(house: House, alice: Client) -> None:
    turned_on(house, alice)
    house.clock.advance(3600)
    sent_away = alice.post("/account/second-factor/off")
    assert sent_away.headers["location"].startswith("/account/confirm?next=")
    assert "turn it off" in alice.get("/account/security").text.lower()
    assert alice.post("/account/confirm", password="wrong wrong", next="/account/security").status_code == 400
    assert alice.post("/account/confirm", password=PASSWORD, next="/account/security").status_code == 303
    assert alice.post("/account/second-factor/off").headers["location"] == "/account/security"


def test_an_open_browser_is_not_enough_to_put_somebody_elses_second_factor_in(
    house: House, alice: Client
) -> None:
    house.clock.advance(3600)
    enrolment = house.identity.second_factor.begin("alice")
    code = pyotp.TOTP(enrolment.secret).at(house.clock.now())
    sent_away = alice.post("/account/second-factor", secret=enrolment.secret, code=code)
    assert sent_away.headers["location"].startswith("/account/confirm?next=")
    assert house.identity.second_factor.state(house.principal("alice")) == (False, 0)
    assert alice.post("/account/confirm", password=PASSWORD, next="/account/security").status_code == 303
    assert alice.post("/account/second-factor", secret=enrolment.secret, code=code).status_code == 200


def test_a_changed_password_is_the_only_one_that_works(alice: Client, stranger: Client) -> None:
    wrong = alice.post("/account/password", current="wrong wrong", password=NEW, repeated=NEW)
    differ = alice.post("/account/password", current=PASSWORD, password=NEW, repeated="other")
    assert (wrong.status_code, differ.status_code) == (400, 400)
    assert alice.post("/account/password", current=PASSWORD, password=NEW, repeated=NEW).status_code == 303
    assert alice.get("/account").status_code == 200
    stranger.get("/sign-in")
    assert stranger.post("/sign-in", name="alice", password=PASSWORD, next="/").status_code == 401
    assert stranger.post("/sign-in", name="alice", password=NEW, next="/").status_code == 303


def test_who_was_given_a_password_chooses_another_before_anything_else(
    house: House, stranger: Client
) -> None:
    house.accounts.create(SYSTEM, "dora", PASSWORD, frozenset({Role.MEMBER}), must_change=True)
    stranger.get("/sign-in")
    stranger.post("/sign-in", name="dora", password=PASSWORD, next="/chat")
    assert stranger.get("/chat").headers["location"] == "/account/password?next=/chat"
    stranger.post("/account/password", current=PASSWORD, password=NEW, repeated=NEW, next="/chat")
    assert stranger.get("/chat").status_code == 200


def test_a_person_ends_their_other_sessions(house: House, alice: Client, clients: ExitStack) -> None:
    account = house.accounts.find("alice")
    elsewhere = _client(house, clients, house.identity.door.open_for(account, "10.0.0.99"))
    assert "10.0.0.99" in alice.get("/account/security").text
    alice.post("/account/sessions/end-others")
    assert elsewhere.get("/chat").headers["location"].startswith("/sign-in")
    assert alice.get("/chat").status_code == 200


def test_an_invitation_is_made_in_the_console_and_opens_the_chat(admin: Client, stranger: Client) -> None:
    made = admin.post("/console/users/invite", name="도라", json=False, **{"role-member": "1"})
    assert made.status_code == 201
    path = re.search(r"/welcome/[\w-]+", made.text)
    assert path is not None
    assert "/welcome/" not in admin.get("/console/users").text
    assert "도라" in stranger.get(path[0]).text
    weak = stranger.post(path[0], password="짧다", repeated="짧다")
    assert weak.status_code == 400
    assert stranger.post(path[0], password=NEW, repeated=NEW).headers["location"] == "/chat"
    assert stranger.get("/chat").status_code == 200
    assert stranger.get(path[0]).status_code == 404


def test_many_are_invited_from_a_csv_or_none(house: House, admin: Client) -> None:
    house.identity.groups.create(SYSTEM, "연구소")
    bad = "name,roles,groups\n하나,member,연구소\n두리,emperor,\n"
    refused = admin.post("/console/users/import", csv=bad)
    assert refused.status_code == 400
    assert "Line 3: There is no role" in refused.text
    assert "하나" not in {account.name for account in house.accounts.list()}
    good = "name,roles,groups\n하나,member,연구소\n두리,member;policy-administrator,\n"
    assert admin.post("/console/users/import", csv=good).status_code == 201
    assert house.identity.groups.of(house.accounts.find("하나").id) == {"연구소"}
    assert house.accounts.find("두리").roles == {"member", "policy-administrator"}


def test_roles_are_set_by_another_administrator_and_auditors_by_two(
    house: House, admin: Client, clients: ExitStack
) -> None:
    house.person("dora")
    dora = house.accounts.find("dora").id
    assert admin.post(f"/console/users/{dora}/roles", json=False, **{"role-auditor": "1"}).status_code == 303
    assert house.accounts.get(dora).roles == {"member"}
    (request,) = house.identity.roles.requests()
    assert admin.post(f"/console/users/requests/{request.id}/agree").status_code == 403
    other = _client(house, clients, house.person("eve", Role.ADMINISTRATOR)[1])
    assert "Waiting for a second person" in other.get("/console/users").text
    assert other.post(f"/console/users/requests/{request.id}/agree").status_code == 303
    assert house.accounts.get(dora).roles == {"auditor"}
    stuck = other.post(f"/console/users/{dora}/state", disabled="1")
    assert stuck.status_code == 409
    assert "nobody changes that account alone" in stuck.text


def test_an_administrator_disables_resets_and_signs_out_a_person(
    house: House, admin: Client, alice: Client
) -> None:
    account = house.accounts.find("alice")
    page = f"/console/users/{account.id}"
    assert "/welcome/" in admin.post(f"{page}/reset").text
    assert admin.post(f"{page}/sessions/end").status_code == 303
    assert alice.get("/chat").headers["location"].startswith("/sign-in")
    assert admin.post(f"{page}/state", disabled="1").status_code == 303
    assert house.accounts.get(account.id).disabled
    assert admin.post(f"{page}/state").status_code == 303
    assert not house.accounts.get(account.id).disabled


def test_nobody_raises_themselves(house: House, admin: Client) -> None:
    me = next(account for account in house.accounts.list() if Role.ADMINISTRATOR in account.roles)
    raised = admin.post(f"/console/users/{me.id}/roles", json=False, **{"role-policy-administrator": "1"})
    assert raised.status_code == 403
    assert house.accounts.get(me.id).roles == me.roles


def test_groups_are_filled_and_emptied(house: House, admin: Client, alice: Client) -> None:
    assert alice.get("/console/groups").status_code == 403
    assert admin.post("/console/groups", name="영업 1팀").status_code == 303
    assert admin.post("/console/groups", name="영업 1팀").status_code == 409
    assert admin.post("/console/groups/영업 1팀/join", user="alice").status_code == 303
    assert admin.post("/console/groups/영업 1팀/join", user="nobody").status_code == 404
    member = house.accounts.find("alice").id
    assert house.identity.groups.of(member) == {"영업 1팀"}
    admin.post("/console/groups/영업 1팀/leave", user_id=member)
    assert house.identity.groups.of(member) == frozenset()


def test_a_group_ends_when_its_name_is_typed_slash_and_all(house: House, admin: Client) -> None:
    house.identity.groups.create(SYSTEM, "기획/예산팀")
    house.person("이두리")
    here = "/console/groups/기획/예산팀"
    assert admin.post(f"{here}/join", user="이두리").status_code == 303
    assert admin.post(f"{here}/delete", name="").status_code == 400
    assert [group.members for group in house.identity.groups.list()] == [1]
    assert admin.post(f"{here}/delete", name="기획/예산팀").status_code == 303
    assert house.identity.groups.list() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("days", "0"), ("days", "many"), ("endpoints", "chatt"), ("addresses", "10.0.0.0/99")],
)
def test_a_key_with_an_impossible_scope_is_not_made(
    house: House, alice: Client, field: str, value: str
) -> None:
    assert alice.post("/account/keys", json=False, label="x", **{field: value}).status_code == 400
    assert house.keys_of("alice") == []


def test_a_narrow_key_says_what_it_is_for(house: House, alice: Client) -> None:
    alice.post("/account/keys", label="x", days="7", endpoints="chat, models", addresses="10.1.0.0/16")
    (key,) = house.keys_of("alice")
    assert key.scope.endpoints == {"chat", "models"}
    assert key.addresses == ("10.1.0.0/16",)
    assert key.expires_at is not None
    assert "10.1.0.0/16" in alice.get("/account").text


def test_a_person_sees_what_is_held_and_who_looked(admin: Client, alice: Client, house: House) -> None:
    alice.post("/account/keys", label="x")
    admin.post(f"/console/users/{house.accounts.find('alice').id}/sessions/end")
    account = house.accounts.find("alice")
    house.recorded()
    alice.http.cookies.set("naesil", house.identity.door.open_for(account, "127.0.0.1"))
    page = alice.get("/account/data").text
    assert "1 API key" in page
    assert "auth:session:close" in page
    assert account.id not in page


def test_a_person_takes_a_copy_along(alice: Client) -> None:
    alice.post("/chat/messages", text="**hello**", client_id=new_id())
    got = alice.post("/account/data/export")
    assert got.headers["content-disposition"] == 'attachment; filename="naesil-my-data.zip"'
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        names = archive.namelist()
        (talk,) = [name for name in names if name.startswith("conversations/")]
        assert "**hello**" in archive.read(talk).decode()
        assert json.loads(archive.read("account.json"))["name"] == "alice"


def test_a_person_destroys_what_they_wrote_and_gets_a_certificate(house: House, alice: Client) -> None:
    turned_on(house, alice)
    alice.post("/chat/messages", text="hello", client_id=new_id())
    assert alice.post("/account/data/delete", name="bob").status_code == 400
    done = alice.post("/account/data/delete", name="alice")
    assert "Certificate of destruction" in done.text
    assert "<dt>Keys destroyed</dt><dd>2</dd>" in done.text  # her own and that of the conversation
    assert house.conversations("alice") == []
    assert house.recorded()[-1].action == AuditAction.SUBJECT_ERASED
    assert house.recorded()[-1].reason == "conversations 1 messages 2 keys destroyed 2"
    assert house.identity.door.authenticate("alice", PASSWORD, "127.0.0.1").pending


def test_a_disabled_account_can_be_deleted_with_everything_in_it(
    house: House, admin: Client, alice: Client
) -> None:
    alice.post("/chat/messages", text="hello", client_id=new_id())
    page = f"/console/users/{house.accounts.find('alice').id}"
    assert admin.post(f"{page}/delete", name="alice").status_code == 409
    admin.post(f"{page}/state", disabled="1")
    assert admin.post(f"{page}/delete", name="Alice?").status_code == 400
    assert "Certificate of destruction" in admin.post(f"{page}/delete", name="alice").text
    assert "alice" not in {account.name for account in house.accounts.list()}
