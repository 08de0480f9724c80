"""`appliance serve`: the product itself."""

import logging

import typer

from appliance import config
from appliance.cli import options
from appliance.supervisor import launch


def serve(
    data: options.Data = None,
    host: options.Host = None,
    port: options.Port = None,
    model: options.Model = None,
    tls_cert: options.TlsCert = None,
    tls_key: options.TlsKey = None,
    tls_self_signed: options.TlsSelfSigned = None,
    behind_proxy: options.BehindProxy = None,
    guard: options.Guard = None,
) -> None:
    """Serve the chat and the API until Ctrl+C or SIGTERM."""
    settings = config.load(locals())
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s %(message)s")
    launch.serve(settings, typer.echo)
