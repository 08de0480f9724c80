"""Stop strings across token borders: text that might be the start of one is held back."""

MAX_STOPS = 128
MAX_STOP_CHARS = 256


class StopStrings:
    """Lets text through until a stop string appears; neither it nor what follows comes out.

    `stops` are non-empty and within the two limits above (sampling.plan sees to it).
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._starts = {stop[:length] for stop in stops for length in range(1, len(stop))}
        self._longest = max(map(len, stops), default=1) - 1
        self._held = ""
        self.stopped = False
        self.found = ""

    def feed(self, text: str) -> str:
        """The text that can be shown now. Sets `stopped` and `found` when one is complete."""
        if not self._stops:
            return text
        text = self._held + text
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, self.found = min(found)
            self.stopped, self._held = True, ""
            return text[:at]
        keep = self._possible_start(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back and turned out not to be a stop string."""
        held, self._held = self._held, ""
        return held

    def _possible_start(self, text: str) -> int:
        for length in range(min(self._longest, len(text)), 0, -1):
            if text[-length:] in self._starts:
                return length
        return 0
