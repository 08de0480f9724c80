"""Somebody on another port who writes down every request, and a page without any protection."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Attacker:
    """`heard` are the paths that were asked for, and raw first bytes of what was no HTTP."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.page = b""
        attacker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/unprotected":
                    self._send(attacker.page)
                else:
                    attacker.heard.append(self.path)
                    self._send(b"")

            do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815 - names of the base class

            def _send(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silent: what counts is in `heard`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def listening() -> Iterator[Attacker]:
    attacker = Attacker()
    thread = threading.Thread(target=attacker.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield attacker
    finally:
        attacker.server.shutdown()
        attacker.server.server_close()
        thread.join()
