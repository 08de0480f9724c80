"""A bar on the terminal's error stream; nothing where there is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 30


class Bar:
    """Redrawn when its percentage changes."""

    def __init__(self, label: str, *, visible: bool) -> None:
        self._label = label
        self._visible = visible
        self._percent = -1

    def show(self, done: int, total: int, what: str = "") -> None:
        """`done` of `total`, in any unit; `what` is being done."""
        percent = min(100, 100 * done // max(1, total))
        if self._visible and percent != self._percent:
            self._percent = percent
            filled = WIDTH * percent // 100
            sys.stderr.write(
                f"\r{self._label} [{'#' * filled}{'.' * (WIDTH - filled)}] {percent:3} % {what:24}"
            )
            sys.stderr.flush()

    def end(self) -> None:
        if self._percent >= 0:
            sys.stderr.write("\n")
            sys.stderr.flush()


@contextmanager
def progress_bar(label: str) -> Iterator[Bar]:
    """A bar that leaves the cursor on a line of its own, whatever happens."""
    bar = Bar(label, visible=sys.stderr.isatty())
    try:
        yield bar
    finally:
        bar.end()
