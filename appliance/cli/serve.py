"""`appliance serve`: the product itself."""

from appliance.cli import options
from appliance.cli.serving import begin


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
    begin(locals())
