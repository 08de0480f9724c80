"""One turn of a loop over a selector whose sources may end one another while they are heard."""

import selectors


def take_turn(selector: selectors.BaseSelector, timeout: float | None) -> None:
    """Wait, then call what is registered as the data of every source that has something to say.

    One that an earlier call of the same turn unregistered is passed over, also when its number
    belongs to another source by now: a process's end is heard once, and nothing of it afterwards.
    """
    for key, _ in selector.select(timeout):
        now = selector.get_map().get(key.fd)
        if now is not None and now.data == key.data:
            key.data()
