"""What one source ends is not heard any more, whatever the order in which they became ready."""

import selectors
import socket
from collections.abc import Callable, Iterator

import pytest

from appliance.supervisor.turn import take_turn


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        yield selector


@pytest.fixture
def pair() -> Iterator[Callable[[], tuple[socket.socket, socket.socket]]]:
    """Makes sockets and closes them."""
    made: list[socket.socket] = []

    def make() -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair()
        made.extend((ours, theirs))
        return ours, theirs

    yield make
    for sock in made:
        sock.close()


Pair = Callable[[], tuple[socket.socket, socket.socket]]


def ready(pair: Pair) -> socket.socket:
    """A source that has something to say."""
    ours, theirs = pair()
    theirs.send(b"x")
    return ours


def test_of_two_that_end_each_other_the_second_is_passed_over(
    selector: selectors.BaseSelector, pair: Pair
) -> None:
    sources, heard = [ready(pair), ready(pair)], []

    def hear(one: int) -> None:
        assert sources[one].recv(1) == b"x"
        heard.append(one)
        selector.unregister(sources[1 - one])
        sources[1 - one].close()

    for one in (0, 1):
        selector.register(sources[one], selectors.EVENT_READ, lambda one=one: hear(one))
    take_turn(selector, 5)
    assert len(heard) == 1


def test_a_number_that_was_given_away_again_is_not_taken_for_its_old_owner(
    selector: selectors.BaseSelector, pair: Pair
) -> None:
    sources, heard = [ready(pair), ready(pair)], []

    def hear(one: int) -> None:
        heard.append(one)
        other = sources[1 - one]
        number = other.fileno()
        selector.unregister(other)
        other.close()
        silent, _ = pair()
        assert silent.fileno() == number
        selector.register(silent, selectors.EVENT_READ, lambda: heard.append(2))

    for one in (0, 1):
        selector.register(sources[one], selectors.EVENT_READ, lambda one=one: hear(one))
    take_turn(selector, 5)
    assert len(heard) == 1
    assert 2 not in heard
