"""A token for GET /metrics: shown once; the settings keep only its digest."""

import hashlib
import secrets

import typer


def metrics_token() -> None:
    """Make a token for GET /metrics and print the line that turns it on."""
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    typer.echo(f"Token, shown only now (the scraper sends it as a bearer token):\n  {token}")
    typer.echo(f'For config.toml in the data folder, then restart:\n  metrics_token_sha256 = "{digest}"')
