"""Which model licences forbid business use, judged by the identifiers that model files carry.

A careful reader decides; this only makes sure that nobody overlooks the question. The names
are Hugging Face's licence identifiers and the licence names of well-known model families.
"""

import re

_NON_COMMERCIAL = re.compile(
    r"(?<![a-z])nc(?![a-z])|non-?_?\s?commercial|research|exaone|amlr|academic|gov4c", re.IGNORECASE
)


def is_non_commercial(licence: str, licence_name: str) -> bool:
    """Whether the licence's identifier or name says that it is not for commercial use."""
    return bool(_NON_COMMERCIAL.search(licence) or _NON_COMMERCIAL.search(licence_name))


def shown(licence: str, licence_name: str) -> str:
    """The licence in words: its name where the identifier only says "other"."""
    if licence.lower() in ("", "other") and licence_name:
        return licence_name
    return licence or "unknown"
