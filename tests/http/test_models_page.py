"""The models page: who may do what, uploads that stream, and what is said when something is wrong."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.audit.actions import AuditAction
from appliance.core import Role
from appliance.errors import ConfigError
from appliance.http import csrf
from appliance.http.console.models import UPLOAD
from appliance.inference.registry import EMBEDDED_NAME
from tests.http.conftest import Client, _client
from tests.http.fakes import House
from tests.inference.gguf_files import LLAMA, gguf

PAGE = "/console/models"


@pytest.fixture
def incoming(house: House) -> Path:
    folder = house.settings.models_folder / "incoming"
    folder.mkdir(parents=True)
    return folder


def send(client: Client, content: bytes, token: str | None = None, **fields: str) -> Any:
    secret = client.http.cookies.get("naesil") or ""
    first = {csrf.FIELD: csrf.token_for(secret) if token is None else token}
    return client.http.post(
        UPLOAD,
        data=first | fields,
        files={"file": ("Tiny.gguf", content)},
        headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"},
    )


def done(house: House) -> list[tuple[str, str]]:
    return [(leaf.action, leaf.object) for leaf in house.recorded() if leaf.action.startswith("model:")]


def test_an_upload_becomes_a_model_and_an_entry(house: House, admin: Client) -> None:
    content = gguf(data_bytes=3_000_000)  # more than any other body may have
    page = send(admin, content, name="tiny")
    assert page.status_code == 200
    assert "tiny" in page.text
    assert done(house) == [(AuditAction.MODEL_IMPORTED, "model:tiny")]
    assert not list((house.settings.models_folder / "incoming").iterdir())
    assert [path.read_bytes() for path in house.settings.models_folder.glob("*.gguf")] == [content]


@pytest.mark.parametrize("token", ["", "wrong"])
def test_an_upload_without_the_forms_token_keeps_nothing(house: House, admin: Client, token: str) -> None:
    assert send(admin, gguf(), token=token).status_code == 403
    assert done(house) == []
    assert not list(house.settings.models_folder.rglob("*.gguf"))


def test_an_upload_that_is_no_model_is_refused_by_what_is_wrong(house: House, admin: Client) -> None:
    page = send(admin, b"hello")
    assert page.status_code == 400
    assert "does not begin like a GGUF file" in page.text
    assert "Tiny.gguf" not in page.text or "upload-" not in page.text
    kind = {"Content-Type": "multipart/form-data; boundary=x", "Sec-Fetch-Site": "same-origin"}
    broken = admin.http.post(UPLOAD, content=b"--x\r\nbroken", headers=kind | {"Accept": "text/html"})
    assert broken.status_code in (400, 403)
    assert not list((house.settings.models_folder / "incoming").iterdir())


def test_a_file_on_the_servers_disk_is_imported_used_and_removed(
    house: House, admin: Client, incoming: Path
) -> None:
    (incoming / "local.gguf").write_bytes(gguf())
    assert "local.gguf" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/import", file="local.gguf", name="local").status_code == 200
    assert not list(incoming.iterdir())
    admin.post(f"{PAGE}/use", name="local")
    assert house.switched == ["local"]
    refused = admin.post(f"{PAGE}/remove", name="local")
    assert (refused.status_code, "in use" in refused.text) == (409, True)
    admin.post(f"{PAGE}/use", name=EMBEDDED_NAME)
    admin.post(f"{PAGE}/remove", name="local")
    chosen = AuditAction.MODEL_CHOSEN
    acts = [action for action, _ in done(house)]
    assert acts == [AuditAction.MODEL_IMPORTED, chosen, chosen, AuditAction.MODEL_REMOVED]


@pytest.mark.parametrize("name", ["../x.gguf", "/etc/passwd", "nothing.gguf", ""])
def test_only_files_in_the_folder_can_be_named(admin: Client, incoming: Path, name: str) -> None:
    (incoming.parent / "x.gguf").write_bytes(gguf())
    assert admin.post(f"{PAGE}/import", file=name).status_code == 400


def test_a_licence_must_be_accepted_on_the_page_too(admin: Client) -> None:
    pairs = [(key, kind, "cc-by-nc-4.0" if key == "general.license" else value) for key, kind, value in LLAMA]
    refused = send(admin, gguf(pairs))
    assert (refused.status_code >= 400, "forbids commercial use" in refused.text) == (True, True)
    assert send(admin, gguf(pairs), accept="1").status_code == 200


def test_a_model_that_does_not_load_is_said_so(house: House, admin: Client, incoming: Path) -> None:
    (incoming / "local.gguf").write_bytes(gguf())
    admin.post(f"{PAGE}/import", file="local.gguf")
    house.switch_failure = ConfigError("The model could not be loaded: %(reason)s.", reason="no memory")
    page = admin.post(f"{PAGE}/use", name="tiny")
    assert "no memory" in page.text
    assert house.recorded()[-1].outcome == "failed"


def test_a_context_that_memory_reduced_is_said_to_who_looks_after_it(house: House, admin: Client) -> None:
    reduced = "The model reads 2048 tokens at once instead of 8192"
    assert reduced in admin.get(PAGE).text
    assert "reduced from 8192: memory does not allow more" in admin.get("/console/dashboard").text
    house.inference.model = msgspec.structs.replace(house.inference.model, n_ctx=8192)
    assert reduced not in admin.get(PAGE).text
    assert "reduced from" not in admin.get("/console/dashboard").text


def test_a_reader_sees_models_and_no_buttons(house: House, clients: ExitStack) -> None:
    auditor = _client(house, clients, house.person("eve", Role.AUDITOR)[1])
    page = auditor.get(PAGE)
    assert (page.status_code, EMBEDDED_NAME in page.text) == (200, True)
    assert "/console/models/use" not in page.text
    assert auditor.post(f"{PAGE}/use", name=EMBEDDED_NAME).status_code == 403
    assert send(auditor, gguf()).status_code == 403
