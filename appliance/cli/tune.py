"""`appliance model tune`: measure this machine with a model and keep what is best."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.cli import output
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.cli.progress import progress_bar
from appliance.core import Outcome
from appliance.inference import registry, store, tuning
from appliance.inference.registry import ModelFile
from appliance.inference.tuning import Row, Tuned
from appliance.supervisor import machine, switching
from appliance.supervisor.tune import Findings, Tuner, Wish, keep
from appliance.supervisor.workshop import Workshop


def tune(
    model: Annotated[str, typer.Argument(help="The model's name; otherwise the chosen one.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Serve with what was found.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only the file's format; takes seconds.")] = False,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Do nothing when this machine has its choice already.")
    ] = False,
    max_loss: Annotated[
        float, typer.Option(help="Per cent by which a faster format may raise the perplexity.", min=0)
    ] = 2.0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Measure file formats, threads, flash attention, KV cache and batches here; keep the best."""
    with open_house(data, create=True) as house:
        folder = house.settings.models_folder
        target = registry.resolve(replace(house.settings, model=model or house.settings.model))
        known = tuning.read(folder, target.sha256, machine.key())
        if if_needed and known is not None and known.applied:
            return
        with store.changing(folder), progress_bar("tune") as bar:
            workshop = Workshop(house.settings, target)
            found = Tuner(workshop, target, Wish(quick, max_loss / 100), bar.show).run()
            tuned = _keep(house, target, found, applied=apply)
        running = switching.running_model(house.settings.run_folder)
        if apply and running is not None and running.name == target.name:
            switching.asker(house.settings.run_folder)(target)
    _print(target, found, tuned, json=json)


def _keep(house: House, model: ModelFile, found: Findings, *, applied: bool) -> Tuned:
    """What was found is kept for whoever looks, and recorded; served only when applied."""
    entry = Entry(
        action=AuditAction.MODEL_TUNED,
        actor=OPERATOR,
        outcome=Outcome.ALLOWED,
        object=f"model:{model.name}",
        task="models",
        reason="applied" if applied else "measured only",
        model=f"{model.name} {model.sha256}",
    )
    with house.database.write() as session:
        house.audit.append(session, entry)
        folder = house.settings.models_folder
        return keep(folder, model, found, machine.key(), house.clock, applied=applied)


def _print(model: ModelFile, found: Findings, tuned: Tuned, *, json: bool) -> None:
    if json:
        rows = [_plain(row) | {"chosen": _is_chosen(row, found)} for row in found.rows]
        names = {"model": model.name, "sha256": model.sha256}
        output.as_json(names | {"rows": rows, "tuned": output.plain(tuned)})
        return
    heads = ("", "FORMAT", "PROMPT T/S", "ANSWER T/S", "PERPLEXITY", "CHANGE", "THREADS", "LAYOUT")
    output.table([heads, *(_cells(row, chosen=_is_chosen(row, found)) for row in found.rows)])
    typer.echo(f"{model.name}: {tuned.quantization}, {tuned.speedup:.2f}x the speed of the file as it is")
    hint = "Not in use. Run again with --apply to serve with it."
    typer.echo("In use from now on." if tuned.applied else hint)


def _is_chosen(row: Row, found: Findings) -> bool:
    return (row.format, row.layout) == (found.chosen.format, found.chosen.layout)


def _cells(row: Row, *, chosen: bool) -> tuple[object, ...]:
    layout, measured = row.layout, row.measured
    batch = f"batch {layout.batch}/{layout.ubatch}"
    kv = f"kv {'shared' if layout.kv_unified else 'own'} {layout.type_k}"
    words = ", ".join(filter(None, (batch, kv, "flash" if layout.flash_attn else "no flash", row.problem)))
    numbers: tuple[object, ...] = (None, None, None)
    if measured is not None:
        perplexity = None if measured.perplexity is None else f"{measured.perplexity:.2f}"
        speeds = (measured.prompt_tokens_per_s, measured.generated_tokens_per_s)
        numbers = (*(f"{speed:.0f}" for speed in speeds), perplexity)
    change = None if row.perplexity_change is None else f"{row.perplexity_change:+.1%}"
    return "*" if chosen else "", row.format, *numbers, change, layout.threads, words


def _plain(row: Row) -> dict[str, Any]:
    plain: dict[str, Any] = output.plain(row)
    return plain | {"requests_per_s": row.score}
