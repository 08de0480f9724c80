"""What a conversation leaves behind: a log that verifies, and no word of it in clear."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.journeys.product import Product, appliance, new_key

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
