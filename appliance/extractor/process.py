"""One file: take it, read it, say what came of it, end. Nothing of the file is kept or logged."""

import socket
from collections.abc import Iterator
from contextlib import suppress

from appliance.extractor import kinds
from appliance.extractor.faults import Unreadable
from appliance.extractor.gathering import gather
from appliance.protocol.extraction import Extract, Extracted, FromExtractor, Reading, Refused
from appliance.protocol.framing import Decoder, FramingError, encode

READ_BYTES = 256 * 1024


def main(sock: socket.socket) -> None:
    """Until the file is read, or the other end is gone."""
    with sock, suppress(FramingError, OSError):  # whoever broke off is not told why
        order = _take(sock)
        if order is not None:
            for message in read(order):
                sock.sendall(encode(message))


def read(order: Extract) -> Iterator[FromExtractor]:
    """Progress, then the one message that ends it."""
    try:
        found = kinds.recognise(order.name, order.data)
        total, parts = found.open(order.data)
        made = gather(found.kind, found.unit, total, parts)
        last: FromExtractor = Refused("failed")
        for message in made:
            if isinstance(message, Reading):
                yield message
            last = message
        yield last if isinstance(last, Extracted) else Refused("failed")
    except Unreadable as fault:
        yield Refused(fault.reason)
    except (MemoryError, RecursionError):
        yield Refused("too_big")
    except Exception:  # whatever a parser throws at a stranger's bytes: they are not what they say they are
        yield Refused("damaged")


def _take(sock: socket.socket) -> Extract | None:
    decoder: Decoder[Extract] = Decoder(Extract)
    while data := sock.recv(READ_BYTES):
        for order in decoder.feed(data):
            return order
    return None
