"""The environment of our children: built from nothing, so that no proxy, preload or path comes along."""

import os
from collections.abc import Mapping

KEPT = ("TZ", "LANG", "LC_ALL", "LC_CTYPE")

FIXED = {
    "PATH": "/usr/bin:/bin",
    # Without it Python asks for the user's home at its start, and the C library would go on using
    # the machine's name services behind the private root.
    "HOME": "/nonexistent",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
}


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child is started with: our own values and the person's language and time zone."""
    source = os.environ if environment is None else environment
    return FIXED | {name: source[name] for name in KEPT if name in source}


def scrub() -> None:
    """Remove from this process's environment what should not have come along."""
    for name in set(os.environ) - set(FIXED) - set(KEPT):
        del os.environ[name]
