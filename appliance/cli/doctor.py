"""`appliance doctor`: what would keep the product from starting or serving well."""

import typer

from appliance import config
from appliance.cli import options, output
from appliance.supervisor.doctor import Check, examine, settings_table

EXIT_FOUND_SOMETHING = 1


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
    """Look at this machine and every setting; exits 1 when something needs a hand."""
    settings = config.load(locals())
    checks = examine(settings)
    if json:
        output.as_json({"checks": checks, "settings": settings_table(settings)})
    else:
        _print(checks)
        output.table(
            [("SETTING", "VALUE", "FROM"), *(tuple(row.values()) for row in settings_table(settings))]
        )
    if not all(check.ok for check in checks):
        raise typer.Exit(EXIT_FOUND_SOMETHING)


def _print(checks: list[Check]) -> None:
    for check in checks:
        typer.echo(f"{'ok  ' if check.ok else 'BAD '} {check.name}: {check.detail}")
        if not check.ok:
            typer.echo(f"     {check.remedy}")
    typer.echo("")
