"""`appliance serve`: the product itself."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from appliance import config
from appliance.cli.options import Data
from appliance.supervisor import launch


def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 lets the system choose.", show_default="8080")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model name or GGUF file.", show_default="the embedded one")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM private key.")] = None,
    tls_self_signed: Annotated[
        bool | None, typer.Option("--tls-self-signed", help="Make and use a certificate of our own.")
    ] = None,
    behind_proxy: Annotated[
        bool | None, typer.Option("--behind-proxy", help="A TLS proxy on this host forwards to us.")
    ] = None,
    guard: Annotated[
        str | None,
        typer.Option(help="Lowest guard level to serve at: kernel, partial, off.", show_default="kernel"),
    ] = None,
) -> None:
    """Serve the chat and the API until Ctrl+C or SIGTERM."""
    flags = {
        "data": data, "host": host, "port": port, "model": model, "tls_cert": tls_cert, "tls_key": tls_key,
        "tls_self_signed": tls_self_signed, "behind_proxy": behind_proxy, "guard": guard,
    }  # fmt: skip
    settings = config.load(flags)
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s %(message)s")
    launch.serve(settings, typer.echo)
