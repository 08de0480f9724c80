"""Where a link of a text may lead: only out through the page that shows the target in full."""

from urllib.parse import quote, urlsplit

SCHEMES = frozenset({"http", "https", "mailto"})
MAX_LENGTH = 2_000


def outside(target: str) -> str | None:
    """The target if it is an address that may be confirmed and opened, else None."""
    if len(target) > MAX_LENGTH or not target.isprintable() or any(char.isspace() for char in target):
        return None
    try:
        parts = urlsplit(target)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in SCHEMES:
        return None
    if parts.scheme == "mailto":
        return target if parts.path else None
    return target if host and "\\" not in target and "@" not in parts.netloc else None


def host_of(target: str) -> str:
    """The host a person should look at; empty when there is none."""
    try:
        return urlsplit(target).hostname or ""
    except ValueError:
        return ""


def confirm_page(target: str) -> str:
    """The address of our page that shows `target` and asks before leaving."""
    return f"/link?to={quote(target, safe='')}"


def local_path(target: str) -> str:
    """`target` if it is a path of our own, else the start page: no open redirect after sign-in."""
    plain = target.isascii() and target.isprintable() and "\\" not in target and " " not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"
