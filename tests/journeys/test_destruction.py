"""Deletion, retention and erasure in the running product: keys go and are counted, what stays is provable."""

import json
import sqlite3
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.journeys.product import ADMIN, Product, appliance
from tests.journeys.test_bad_input import Visitor
from tests.journeys.test_resilience import wait_for

QUESTIONS = ("첫째 비밀은 쑥부쟁이다.", "둘째 비밀은 꿩의바람꽃이다.", "셋째 비밀은 노루귀다.")


class House:
    """The product with one conversation for each question, and its owner at the browser."""

    def __init__(self, product: Product, folder: Path) -> None:
        self.product, self.folder = product, folder
        self.owner = Visitor(product)
        assert self.owner.sign_in().status_code == 303
        self.owner.look("/chat")
        self.talks = [self._ask(question) for question in QUESTIONS]
        wait_for(lambda: not self.ask("SELECT id FROM messages WHERE state = 'running'"))
        assert self.run("audit", "key")[0] == 0
        (folder / "log.vkey").write_text(self.said)

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self.store() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def store(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.product.data / "naesil.db", timeout=10)) as database, database:
            yield database

    def aged(self, talk: str, column: str, days: int) -> None:
        """As if it had been that many days ago."""
        with self.store() as database:
            statement = f"UPDATE conversations SET {column} = datetime({column}, ?) WHERE id = ?"  # noqa: S608
            database.execute(statement, (f"-{days} days", talk))

    def keys(self) -> set[object]:
        return {one for (one,) in self.ask("SELECT conversation_id FROM conversation_keys")}

    def holds(self, secret: bytes) -> bool:
        """Whether a file of the database has these bytes anywhere."""
        return any(secret in path.read_bytes() for path in self.product.data.glob("naesil.db*"))

    def run(self, *words: str) -> tuple[int, str]:
        result = appliance(*words, "--data", str(self.product.data))
        self.said = result.stdout
        assert "Traceback" not in result.stdout + result.stderr
        return result.returncode, result.stdout + result.stderr

    def entries(self, action: str) -> list[dict[str, object]]:
        """What the log says, by an export, as an outsider reads it."""
        file = self.folder / f"{uuid.uuid4()}.zip"
        assert self.run("audit", "export", "--reason", "점검", "--out", str(file))[0] == 0
        with zipfile.ZipFile(file) as archive:
            lines = archive.read("entries.jsonl").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["action"] == action]

    def disclose(self, index: object, text: str, out: Path) -> tuple[int, str]:
        (self.folder / "text").write_text(text)
        password = self.product.data.parent / f"{self.product.data.name}.password"
        return self.run(
            "audit", "disclose", str(index), "--text", str(self.folder / "text"), "--user", ADMIN,
            "--reason", "분쟁", "--out", str(out), "--password-file", str(password),
        )  # fmt: skip

    def verifies(self, file: Path) -> bool:
        return appliance("audit", "verify", str(file), "--key", str(self.folder / "log.vkey")).returncode == 0

    def _ask(self, text: str) -> str:
        sent = self.owner.post("/chat/messages", text=text, client_id=str(uuid.uuid4()))
        assert sent.status_code < 300, sent.text
        talk: str = sent.json()["conversation"]
        assert self.owner.post(f"/chat/{talk}/stop").status_code == 204
        return talk


@pytest.fixture
def house(start_product: Callable[..., Product], tmp_path: Path) -> Iterator[House]:
    house = House(start_product(), tmp_path)
    yield house
    house.owner.client.close()


def test_every_way_to_destroy_a_conversation_destroys_its_key(house: House, tmp_path: Path) -> None:
    kept, deleted, old = house.talks
    assert house.keys() == {kept, deleted, old}
    prompts = {entry["object"]: entry["index"] for entry in house.entries("chat:prompt:accept")}
    shown = tmp_path / "shown"
    assert house.disclose(prompts[f"conversation:{deleted}"], QUESTIONS[1], shown)[0] == 0

    ((wrapped,),) = house.ask("SELECT wrapped FROM conversation_keys WHERE conversation_id = ?", deleted)
    assert isinstance(wrapped, bytes)
    assert house.holds(wrapped)
    assert house.owner.post(f"/chat/{deleted}/delete").status_code == 303
    house.aged(deleted, "deleted_at", 1)
    wait_for(lambda: house.keys() == {kept, old})
    wait_for(lambda: not house.holds(wrapped))
    house.aged(old, "updated_at", 400)
    code, said = house.run("retention", "run", "--yes", "--json")
    certificate = json.loads(house.said)
    assert (code, certificate["conversations"], certificate["keys_destroyed"]) == (0, 1, 1), said
    assert house.keys() == {kept}
    reasons = [entry["reason"] for entry in house.entries("chat:conversation:destroy")]
    assert reasons == ["keys destroyed 1"]

    assert house.verifies(shown)  # what was shown before stays shown
    code, said = house.disclose(prompts[f"conversation:{deleted}"], QUESTIONS[1], tmp_path / "again")
    assert (code, "was destroyed" in said) == (2, True), said
    assert house.disclose(prompts[f"conversation:{kept}"], QUESTIONS[0], tmp_path / "kept")[0] == 0
    assert house.verifies(tmp_path / "kept")

    house.owner.look("/account/data")
    done = house.owner.post("/account/data/delete", headers={"Sec-Fetch-Site": "same-origin"}, name=ADMIN)
    assert "<dd>2</dd>" in done.text  # the person's own and that of the conversation kept until then
    assert house.keys() == set()
    (erased,) = house.entries("retention:subject:destroy")
    assert erased["reason"] == "conversations 1 messages 2 keys destroyed 2"
    assert house.run("audit", "certificate", str(erased["id"]), "--out", str(tmp_path / "proof"))[0] == 0
    assert house.verifies(tmp_path / "proof")
    assert house.run("audit", "verify")[0] == 0
