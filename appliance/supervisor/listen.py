"""The listening socket, and the rule that nobody listens beyond loopback in clear."""

import errno
import socket

from appliance.config import Settings, is_loopback
from appliance.errors import N_, ConfigError

BACKLOG = 1024


def check_exposure(settings: Settings) -> None:
    """Refuse to serve other machines without TLS, and half-given TLS settings."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError(N_("--tls-cert and --tls-key belong together: give both."))
    for path in (settings.tls_cert, settings.tls_key):
        if path is not None and not path.is_file():
            raise ConfigError(N_("The TLS file %(path)s does not exist."), path=path)
    if is_loopback(settings.host) or uses_tls(settings) or settings.behind_proxy:
        return
    raise ConfigError(
        N_(
            "Refusing to listen on %(host)s without TLS: passwords and conversations would cross the "
            "network in clear. Give --tls-cert and --tls-key, or --tls-self-signed, or --behind-proxy "
            "when a TLS proxy on this host forwards to Naesil."
        ),
        host=settings.host,
    )


def uses_tls(settings: Settings) -> bool:
    return settings.tls_cert is not None or settings.tls_self_signed


def open_socket(settings: Settings) -> socket.socket:
    """Bind and listen. ConfigError with the remedy when the address cannot be had."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, OverflowError):
        raise ConfigError(
            N_("The address %(host)s is not one of this machine."), host=settings.host
        ) from None
    # asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it a reply takes 40 ms more
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError(_bind_remedy(error), host=settings.host, port=settings.port) from None
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def url(settings: Settings, port: int) -> str:
    """Where a browser finds us."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if uses_tls(settings) else 'http'}://{host}:{port}"


def _bind_remedy(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return N_("Port %(port)d on %(host)s is in use. Stop the other program or choose another --port.")
    if error.errno == errno.EACCES:
        return N_("Port %(port)d needs root. Choose a --port of 1024 or more.")
    return N_("Cannot listen on %(host)s port %(port)d: this machine does not have that address.")
