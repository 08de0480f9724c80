"""`appliance doctor`: what would keep the product from starting or serving well."""

from typing import Any

import typer

from appliance import config
from appliance.cli import options, output
from appliance.clock import SystemClock
from appliance.errors import NaesilError
from appliance.i18n import Translator
from appliance.supervisor.doctor import examine, settings_table
from appliance.supervisor.finding import Check

EXIT_FAULT = 1
MARKS = {"ok": "ok  ", "warning": "WARN", "fault": "BAD "}


def doctor(
    data: options.Data = None,
    host: options.Host = None,
    port: options.Port = None,
    model: options.Model = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tls_self_signed: options.TlsSelfSigned = None,
    behind_proxy: options.BehindProxy = None,
    guard: options.Guard = None,
    json: options.Json = False,
) -> None:
    """Look at this machine, every setting and the data; exits 1 for a fault, 0 for warnings alone."""
    settings = config.load(locals())
    checks = examine(settings, SystemClock())
    translate = output.terminal()
    if json:
        rows = [_row(check, translate) for check in checks]
        output.as_json({"checks": rows, "settings": settings_table(settings)})
    else:
        _print(checks, translate)
        output.table(
            [("SETTING", "VALUE", "FROM"), *(tuple(row.values()) for row in settings_table(settings))]
        )
    if any(check.severity == "fault" for check in checks):
        raise typer.Exit(EXIT_FAULT)


def _row(check: Check, translate: Translator) -> dict[str, Any]:
    return {
        "name": check.name,
        "severity": check.severity,
        "ok": check.ok,
        "detail": _detail(check, translate),
        "remedy": "" if check.ok else translate(check.remedy),
    }


def _detail(check: Check, translate: Translator) -> str:
    return check.detail.text(translate) if isinstance(check.detail, NaesilError) else check.detail


def _print(checks: list[Check], translate: Translator) -> None:
    for check in checks:
        typer.echo(f"{MARKS[check.severity]} {check.name}: {_detail(check, translate)}")
        if not check.ok:
            typer.echo(f"     {translate(check.remedy)}")
    typer.echo("")
