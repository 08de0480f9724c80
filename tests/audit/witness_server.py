"""The product's witness, its answers' codes too, on a port of its own, with or without TLS."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from appliance.evidence.faults import Unsound
from appliance.evidence.witness import cosign, init_witness, read_witness, watch_log
from appliance.http.pages.witness import NOT_SIGNED, STATUS
from tests.audit.receiver import certificate

NOW = 1_772_442_000  # POSIX seconds: a cosignature says when it was made
SAYING = tuple[int, str]


class WitnessServer:
    """`saying` is what it answers instead of doing its work; `asked` counts the requests."""

    def __init__(self, folder: Path, log_key: str, *, tls: bool = False) -> None:
        self.folder = folder
        self.key = init_witness(folder, "witness.example/w1")
        self.saying: SAYING | None = None
        self.asked = 0
        self.ca = ""
        watch_log(folder, log_key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if tls:
            self.ca = certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, request: str) -> SAYING:
        self.asked += 1
        if self.saying is not None:
            return self.saying
        try:
            return 200, cosign(self.folder, request, NOW).splitlines(keepends=True)[-1]
        except Unsound as bad:
            status = STATUS.get(bad.fault.code, NOT_SIGNED)
            return status, f"{self.seen()}\n" if status == 409 else f"{bad.fault.text()}\n"

    def seen(self) -> int:
        """How many entries it cosigned last."""
        return max(log.size for log in read_witness(self.folder).logs.values())


def _handler(witness: WitnessServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/w/add-checkpoint"
            request = self.rfile.read(int(self.headers["content-length"])).decode()
            status, said = witness.answer(request)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            pass

    return Handler
