"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder. Otherwise NAESIL_DATA, or the platform's folder.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File whose first line is the password; '-' reads standard input."),
]

# The settings of `serve`; `doctor` takes them too, so that it looks at what would be served.
Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Port; 0 lets the system choose.", show_default="8080")]
Model = Annotated[str | None, typer.Option(help="Model name or GGUF file.", show_default="the embedded one")]
TlsCert = Annotated[Path | None, typer.Option(help="PEM certificate chain.", show_default=False)]
TlsKey = Annotated[Path | None, typer.Option(help="PEM private key.", show_default=False)]
TlsSelfSigned = Annotated[
    bool | None, typer.Option("--tls-self-signed", help="Make and use a certificate of our own.")
]
BehindProxy = Annotated[
    bool | None, typer.Option("--behind-proxy", help="A TLS proxy on this host forwards to us.")
]
Guard = Annotated[
    str | None,
    typer.Option(
        help="Guard level to demand: kernel, partial, off.", show_default="minimum_level of egress.yaml"
    ),
]
