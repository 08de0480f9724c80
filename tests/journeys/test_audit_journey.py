"""What a conversation leaves behind: a log that verifies, and no word of it in clear."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.journeys.product import ADMIN, PASSWORD, Product, appliance, new_key
from tests.journeys.test_resilience import wait_for

SECRET_WORDS = ("quetzalcoatl", "무지개송어")


def ask(product: Product, key: str, text: str) -> str:
    answer = httpx.post(
        f"{product.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={
            "model": model(product, key),
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 12,
            "temperature": 0,
        },
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    content: str = answer.json()["choices"][0]["message"]["content"]
    return content


def model(product: Product, key: str) -> str:
    answer = httpx.get(f"{product.url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    name: str = answer.json()["data"][0]["id"]
    return name


def verify(data: Path) -> tuple[int, str]:
    result = appliance("audit", "verify", "--data", str(data))
    assert "Traceback" not in result.stdout + result.stderr
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def used(start_product: Callable[..., Product]) -> Path:
    """The data folder of a product that answered one question and was stopped."""
    running = start_product()
    ask(running, new_key(running.data), f"Tell me about {' and '.join(SECRET_WORDS)}.")
    assert running.stop() == 0
    return running.data


def test_the_log_of_a_running_product_verifies(product: Product, api_key: str) -> None:
    ask(product, api_key, "Say hello.")
    assert verify(product.data)[0] == 0


def submitted(client: httpx.Client, page: str, path: str, **fields: str) -> httpx.Response:
    """A form of that page, sent as a browser does."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert token is not None
    return client.post(path, data={"csrf": token[1], **fields})


@contextmanager
def signed_in(product: Product, name: str) -> Iterator[httpx.Client]:
    headers = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=product.url, headers=headers, timeout=60) as client:
        answer = submitted(client, "/sign-in", "/sign-in", name=name, password=PASSWORD, next="/chat")
        assert answer.status_code == 303, answer.text
        yield client


def test_an_auditor_exports_from_the_console_of_the_running_product(product: Product, tmp_path: Path) -> None:
    """The process that serves the page is jailed, and yet a whole file comes of it."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    data = ("--data", str(product.data))
    for words in (
        ("add", "한감사", "--role", "member", "--password-file", str(tmp_path / "password")),
        ("roles", "한감사", "--role", "auditor"),
    ):
        assert appliance("user", *words, *data).returncode == 0
    with signed_in(product, ADMIN) as admin:
        asked = re.search(r"/console/users/requests/[^/]+/agree", admin.get("/console/users").text)
        assert asked is not None
        assert submitted(admin, "/console/users", asked[0]).status_code == 303
    page = "/console/audit/export"
    with signed_in(product, "한감사") as auditor:
        assert submitted(auditor, page, page, reason="정기 점검").status_code == 303
        wait_for(lambda: "Refresh" not in auditor.get(page).headers)
        made = re.search(rf"{page}/[^\"]+", auditor.get(page).text)
        assert made is not None, auditor.get(page).text
        (tmp_path / "x.zip").write_bytes(auditor.get(made[0]).content)
    (tmp_path / "log.vkey").write_text(appliance("audit", "key", *data).stdout)
    result = appliance("audit", "verify", str(tmp_path / "x.zip"), "--key", str(tmp_path / "log.vkey"))
    assert result.returncode == 0, result.stdout
    assert len(list((product.data / "exports").iterdir())) == 1


def test_the_key_is_replaced_in_the_running_sealer(product: Product, tmp_path: Path) -> None:
    def audit(*words: str) -> tuple[int, str]:
        result = appliance("audit", *words)
        return result.returncode, result.stdout + result.stderr

    data, old, file = ("--data", str(product.data)), tmp_path / "old.vkey", tmp_path / "x.zip"
    old.write_text(appliance("audit", "key", *data).stdout)
    assert audit("rotate-key", "--ml-dsa", "--reason", "yearly", *data)[0] == 0
    code, said = audit("rotate-key", "--reason", "", *data)
    assert (code, "Traceback" in said) == (2, False)
    assert audit("export", "--reason", "review", "--out", str(file), *data)[0] == 0
    assert audit("verify", str(file), "--key", str(old))[0] == 0
    assert verify(product.data)[0] == 0


def test_no_word_of_prompt_or_answer_is_in_the_data_folder(start_product: Callable[..., Product]) -> None:
    running = start_product()
    answer = ask(running, new_key(running.data), f"Repeat these words: {' '.join(SECRET_WORDS)}")
    words = [word for word in (*SECRET_WORDS, *answer.split()) if len(word) > 6]
    for _ in range(2):  # while it runs, and after it stopped
        for path in (path for path in running.data.rglob("*") if path.is_file()):
            content = path.read_bytes()
            for word in words:
                assert word.encode() not in content, path
                assert word.encode("utf-16-le") not in content, path
        running.stop()


def test_a_flipped_byte_in_an_entry_is_named(used: Path) -> None:
    assert verify(used)[0] == 0
    with sqlite3.connect(used / "naesil.db") as database:
        index, leaf = database.execute(
            'SELECT "index", leaf FROM audit_entries ORDER BY "index" LIMIT 1 OFFSET 2'
        ).fetchone()
        changed = bytes([leaf[0], leaf[1] ^ 1]) + leaf[2:]
        database.execute('UPDATE audit_entries SET leaf = ? WHERE "index" = ?', (changed, index))
    database.close()
    code, text = verify(used)
    assert code == 1
    assert str(index) in text


def test_a_deleted_entry_is_noticed(used: Path) -> None:
    with sqlite3.connect(used / "naesil.db") as database:
        database.execute('DELETE FROM audit_entries WHERE "index" = 1')
    database.close()
    code, text = verify(used)
    assert code == 1
    assert "1" in text
