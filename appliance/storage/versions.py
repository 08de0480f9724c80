"""Which schemas this program knows. Loads no database library: a start asks before it needs one."""

from appliance.config import share_folder


def newest() -> str:
    """The newest revision that this program knows: migrations are named by their number."""
    return max(path.stem for path in (share_folder("migrations") / "versions").glob("[0-9]*.py"))
