"""`appliance model`: bring models in, choose one, let one go, tune one for this machine."""

from pathlib import Path
from typing import Annotated

import typer

from appliance import config
from appliance.cli import output, tune
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.cli.progress import progress_bar
from appliance.inference import choice
from appliance.inference.models import Models, Switch, Wish
from appliance.inference.registry import EMBEDDED_NAME, models
from appliance.supervisor import switching

app = typer.Typer(help="Models: list, import, use, tune, remove.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The model's name, as 'model list' shows it.")]


@app.callback()
def group() -> None:
    """Models."""


@app.command("list")
def list_models(data: Data = None, json: Json = False) -> None:
    """Show the embedded model and those in the data folder's models/."""
    settings = config.load({"data": data})
    found, problems = models(settings)
    for problem in problems:
        output.complain(problem)
    chosen = settings.model or choice.read(settings.models_folder) or EMBEDDED_NAME
    serving = switching.running_model(settings.run_folder)
    running = "" if serving is None else serving.name
    if json:
        marks = ({"chosen": model.name == chosen, "running": model.name == running} for model in found)
        output.as_json([output.plain(model) | mark for model, mark in zip(found, marks, strict=True)])
        return
    rows = [
        (
            model.name,
            "running" if model.name == running else "chosen" if model.name == chosen else "",
            model.header.quantization,
            f"{model.size_bytes / 1024**2:.0f} MiB",
            model.licence or "unknown",
            model.sha256,
        )
        for model in found
    ]
    output.table([("NAME", "STATE", "QUANTIZATION", "SIZE", "LICENCE", "SHA-256"), *rows])
    if serving is not None and serving.n_ctx < serving.n_ctx_wanted:
        typer.echo(f"{running}: context {serving.n_ctx} of {serving.n_ctx_wanted} tokens, as memory allows")


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="A GGUF file.", metavar="FILE.gguf")],
    name: Annotated[str, typer.Option(help="Its name here; otherwise the file's own.")] = "",
    base: Annotated[str, typer.Option(help="For a LoRA adapter: the model it belongs to.")] = "",
    source: Annotated[str, typer.Option(help="Where it came from, if the file does not say.")] = "",
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept a licence that forbids commercial use; logged.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check a GGUF file and copy it into the data folder under its SHA-256."""
    wish = Wish(name, accept_licence, base, source)
    with open_house(data, create=True) as house, progress_bar("import") as bar:
        imported = _models(house).import_file(OPERATOR, file, wish, bar.show)
    record = imported.record
    if json:
        output.as_json(output.plain(record) | {"duplicate": imported.duplicate})
        return
    typer.echo(f"{record.name}: {'already here' if imported.duplicate else 'imported'}, {record.sha256}")
    typer.echo(f"licence: {record.licence}; source: {record.source or 'unknown'}")


@app.command()
def use(name: Name, data: Data = None, json: Json = False) -> None:
    """Serve this model from now on; a running product switches without dropping answers."""
    with open_house(data, create=True) as house:
        run_folder = house.settings.run_folder
        is_running = switching.running_model(run_folder) is not None
        models_of = _models(house, switching.asker(run_folder)) if is_running else _models(house)
        model = models_of.use(OPERATOR, name)
    if json:
        output.as_json(output.plain(model) | {"running": is_running})
        return
    typer.echo(f"{model.name}: {'running' if is_running else 'chosen for the next start'}")


app.command("tune")(tune.tune)


@app.command()
def remove(name: Name, data: Data = None) -> None:
    """Delete an imported model."""
    with open_house(data) as house:
        running = switching.running_model(house.settings.run_folder)
        _models(house).remove(OPERATOR, name, "" if running is None else running.name)
    typer.echo(f"{name}: removed")


def _models(house: House, switch: Switch = lambda _: None) -> Models:
    return Models(house.settings, house.database, house.audit, house.clock, switch)
