"""What the web process costs while people watch their answers being written on the chat page."""

import asyncio
import threading

from benchmarks import cost
from benchmarks.browsing import Browsing
from benchmarks.load import Target, now
from benchmarks.registry import Bar, Contest, Scale, Setup
from benchmarks.targets.product import PASSWORD
from benchmarks.targets.remote import Remote

PEOPLE = 16
QUESTION = "Tell a very long story about lighthouse {number}, its keeper and the sea. Do not stop early."
WRITING = b"event: tail"


class _Watcher(threading.Thread):
    """Somebody with the page open. `writing` is set with the first words of the answer."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self._browsing = Browsing(url, f"user{number}", PASSWORD)
        self._number = number
        self.writing = threading.Event()
        self.ended = 0.0
        self.events = 0

    def run(self) -> None:
        for line in self._browsing.follow(self._browsing.ask(QUESTION.format(number=self._number))):
            if line.startswith(WRITING):
                self.writing.set()
            self.events += line.startswith(b"event:")
        self.ended = now()
        self.writing.set()


async def watch(target: Target, scale: Scale) -> dict[str, float]:
    """The web process' share of one core while all answers stream, none of them over yet."""
    if not isinstance(target, Remote):
        raise TypeError("only the product has pages")
    return await asyncio.to_thread(_watch, target, scale)


def _watch(target: Remote, scale: Scale) -> dict[str, float]:
    watchers = [_Watcher(target.url, number) for number in range(scale.of(PEOPLE, 2))]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.writing.wait(timeout=120)
    web = cost.child(target.root_pid, "web")
    began, spent, seen = now(), cost.cpu_s(web), sum(watcher.events for watcher in watchers)
    seconds = scale.of(20, 1)
    while now() - began < seconds and all(watcher.is_alive() for watcher in watchers):
        threading.Event().wait(0.05)
    took = now() - began
    return {
        "web_share": (cost.cpu_s(web) - spent) / took,
        "events_per_s": (sum(watcher.events for watcher in watchers) - seen) / took,
        "watched_s": took,
        "watching": sum(watcher.is_alive() for watcher in watchers),
    }


WORKLOADS = (
    Contest(
        "watching",
        "the web process' share of one core while 16 people watch their answers on the chat page",
        watch,
        Setup(slots=PEOPLE, context=1024, users=PEOPLE),
        peers=(),
        shown=("web_share", "events_per_s"),
        bars=(Bar("web_share", 0.15, "at most"),),
    ),
)
