"""`appliance model`: which models there are."""

import typer

from appliance import config
from appliance.cli import output
from appliance.cli.options import Data, Json
from appliance.inference.registry import models

app = typer.Typer(help="Models.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Models."""


@app.command("list")
def list_models(data: Data = None, json: Json = False) -> None:
    """Show the embedded model and those in the data folder's models/."""
    found, problems = models(config.load({"data": data}))
    for problem in problems:
        output.complain(problem)
    if json:
        output.as_json(found)
        return
    rows = [
        (
            model.name,
            model.header.quantization,
            f"{model.size_bytes / 1024**2:.0f} MiB",
            model.licence or "unknown",
            model.sha256,
        )
        for model in found
    ]
    output.table([("NAME", "QUANTIZATION", "SIZE", "LICENCE", "SHA-256"), *rows])
