"""What can be wrong with a backup file, in words for whoever holds it."""

from appliance.errors import N_, ConfigError


class Damaged(ConfigError):
    """The file is not as it was written. Its message names where."""


def damaged(frame: int, offset: int, what: str) -> Damaged:
    """`frame` counts from 1, `offset` is the byte in the file where it begins."""
    return Damaged(
        N_("The backup is damaged in frame %(frame)d, at byte %(offset)d: %(what)s."),
        frame=frame,
        offset=offset,
        what=lambda translate: translate(what),
    )


def not_a_backup(path: object) -> Damaged:
    return Damaged(N_("%(path)s is not a backup of Naesil, or its beginning is damaged."), path=path)
