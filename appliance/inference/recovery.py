"""What becomes of answers when the model process dies under them.

One that was waiting goes to the next process as it is. One that was being worked on and had said
nothing is tried once more, and those one after another, so that the one that is to blame is found
out: whoever is being worked on when the process dies a second time is refused. One that had spoken ends.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from appliance.inference.streams import Stream
from appliance.inference.suspects import Suspects
from appliance.protocol.messages import Failed, Finished, Generate, Queued, StreamEvent, Token

TELL_S = 1.0  # how often those who are held hear that they still have their place
PATIENCE_S = 120.0  # a process that is not there by then will not come
MOST_HELD = 512
RETRY_S = 5


class Recovery:
    """`_held`: answers no runtime knows of, by id, in order of coming. `_trial`: the one being tried.

    Belongs to the event loop. `send` takes a frame for the runtime and must not block.
    """

    def __init__(self, suspects: Suspects, send: Callable[[Generate], None]) -> None:
        self._suspects = suspects
        self._send = send
        self._held: dict[str, Stream] = {}
        self._accused: set[str] = set()
        self._trial = ""
        self._away = False
        self._away_since = 0.0
        self._hopeful = True  # until a process has not come back in time
        self._telling: asyncio.Task[None] | None = None

    def died(self, streams: Iterable[Stream]) -> None:
        """The runtime is gone; each of these was its to answer, or is held already."""
        self._trial, self._away = "", True
        self._away_since = asyncio.get_running_loop().time()
        for stream in streams:
            if stream.request.id in self._held:
                continue
            guilty = stream.begun and not self._suspects.present(stream.request)
            if stream.spoke or (not stream.begun and stream.lives == 0):
                stream.put(Failed(id=stream.request.id, code="lost", retry_after_s=RETRY_S))
            elif guilty:
                stream.put(Failed(id=stream.request.id, code="crashed"))
            else:
                self._hold(stream)
        self._start_telling()

    @property
    def has_room(self) -> bool:
        """Whether somebody else may wait for the next process."""
        return self._hopeful and len(self._held) < MOST_HELD

    def wait(self, stream: Stream) -> None:
        """It was asked for while no runtime was there: it waits for the next one."""
        stream.begun = False
        self._keep(stream)
        self._start_telling()

    def resume(self) -> None:
        """A new runtime is there."""
        self._away, self._hopeful = False, True
        self._try_next()
        for stream in [one for one in self._held.values() if one.request.id not in self._accused]:
            self._release(stream)

    def heard(self, stream: Stream, event: StreamEvent) -> None:
        """The runtime said something about an answer."""
        if isinstance(event, Finished) and event.reason not in ("cancelled", "timeout"):
            self._suspects.acquit(stream.request)
        if stream.request.id == self._trial and isinstance(event, (Token, Finished, Failed)):
            self._try_next()

    def over(self, stream: Stream) -> None:
        """Its reader has had the end of it, or has left."""
        self._held.pop(stream.request.id, None)
        self._accused.discard(stream.request.id)
        if stream.request.id == self._trial:
            self._try_next()

    async def close(self) -> None:
        """Give up what is held; at the end of the process."""
        self._fail_held()
        if self._telling is not None:
            self._telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._telling

    def _hold(self, stream: Stream) -> None:
        if stream.begun:
            self._accused.add(stream.request.id)
            stream.anew()
        else:
            stream.lives -= 1
        self._keep(stream)

    def _keep(self, stream: Stream) -> None:
        self._held[stream.request.id] = stream
        stream.put(Queued(stream.request.id, len(self._held)))

    def _start_telling(self) -> None:
        if self._held and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell(), name="held answers")

    def _try_next(self) -> None:
        self._trial = next((one for one in self._held if one in self._accused), "")
        if self._trial:
            self._accused.discard(self._trial)
            self._release(self._held[self._trial])

    def _release(self, stream: Stream) -> None:
        del self._held[stream.request.id]
        stream.begun = True
        self._send(stream.request)

    def _fail_held(self) -> None:
        for stream in list(self._held.values()):
            stream.put(Failed(id=stream.request.id, code="lost", retry_after_s=RETRY_S))
        self._held.clear()
        self._accused.clear()

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        while self._held:
            await asyncio.sleep(TELL_S)
            for place, request_id in enumerate(self._held, start=1):
                self._held[request_id].put(Queued(request_id, place))
            if self._away and loop.time() - self._away_since >= PATIENCE_S:
                self._hopeful = False
                self._fail_held()
