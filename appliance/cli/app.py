"""The program `appliance`: all its commands. What runs one of them is main.py."""

from appliance.cli import (
    audit,
    backup,
    doctor,
    egress,
    init,
    key,
    metrics,
    model,
    policy,
    retention,
    serve,
    user,
    witness,
)
from appliance.cli.program import program

app = program()
app.command()(serve.serve)
app.command()(init.init)
app.command()(doctor.doctor)
app.command()(metrics.metrics_token)
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
app.add_typer(model.app, name="model")
app.add_typer(audit.app, name="audit")
app.add_typer(backup.app, name="backup")
app.add_typer(witness.app, name="witness")
app.add_typer(policy.app, name="policy")
app.add_typer(retention.app, name="retention")
app.add_typer(egress.app, name="egress")
