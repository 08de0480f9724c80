"""`appliance model tune` from its words to the choice that is served: real trials, in their jail."""

import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.app import app
from appliance.cli.progress import progress_bar
from appliance.config import Settings
from appliance.inference import registry, tuning
from appliance.supervisor import machine
from appliance.supervisor.launch import runtime_settings
from tests.inference.tiny_models import FAMILIES, write


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, embedded_model: Path) -> Path:
    """A data folder with one tiny model."""
    data = tmp_path_factory.mktemp("house") / "data"
    (data / "models").mkdir(mode=0o700, parents=True)
    data.chmod(0o700)
    write(data / "models" / "tiny.gguf", FAMILIES["llama"], embedded_model)
    return data


def tune(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["model", "tune", "tiny", "--quick", "--data", str(folder), *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_table_shows_every_trial_and_only_apply_changes_what_is_served(folder: Path) -> None:
    settings = Settings(data=folder, model="tiny", slots=2)
    model = registry.resolve(settings)
    told = tune(folder)
    head, *rows = told.splitlines()
    assert " ".join(head.split()) == "FORMAT PROMPT T/S ANSWER T/S PERPLEXITY CHANGE THREADS LAYOUT"
    assert [row.lstrip("* ").split("  ")[0] for row in rows[:2]] == ["all F32", "Q8_0"]
    assert sum(row.startswith("*") for row in rows) == 1
    assert "Run again with --apply" in told
    assert runtime_settings(settings, model).model_path == str(model.path)
    found = json.loads(tune(folder, "--apply", "--max-loss", "1000", "--json"))
    assert [row["format"] for row in found["rows"]] == ["all F32", "Q8_0"]
    assert all(row["measured"]["perplexity"] > 1 for row in found["rows"])
    tuned = tuning.read(settings.models_folder, model.sha256, machine.key())
    assert tuned is not None
    assert tuned.applied
    served = runtime_settings(settings, model)
    assert served.model_sha256 == (tuned.file or model.sha256)
    assert tune(folder, "--if-needed") == ""


def test_a_bar_moves_on_a_terminal_and_is_silent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        monkeypatch.setattr("sys.stderr", stream)
        with progress_bar("tune") as bar:
            for step in (1, 1, 2, 4, 9):
                bar.show(step, 4, "Q8_0")
    assert file.getvalue() == ""
    drawn = terminal.getvalue().split("\r")[1:]
    assert [line.split("]")[1].split()[0] for line in drawn] == ["25", "50", "100"]
    assert drawn[-1].startswith(f"tune [{'#' * 30}]")
    assert drawn[-1].endswith("\n")
