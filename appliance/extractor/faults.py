"""Why a file is not read, as an exception."""

from appliance.protocol.extraction import Refusal


class Unreadable(Exception):
    """Carries the reason alone: a parser's own words may quote the file."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason: Refusal = reason
