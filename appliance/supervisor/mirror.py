"""The supervisor attacks itself as it has the others attack themselves: in a thread of its guard."""

import selectors
import socket

import msgspec

from appliance.supervisor import attend
from appliance.supervisor.questions import OnAnswer, Questions
from appliance.supervisor.spec import Report, ReportLine, encode_report

READ_BYTES = 65536


class Mirror:
    """Owned by the supervisor's loop. The thread begins with the first question, behind the closed jail."""

    def __init__(self, selector: selectors.BaseSelector, questions: Questions) -> None:
        self._selector = selector
        self._questions = questions
        self._line = ReportLine()
        self._ours: socket.socket | None = None

    def ask(self, what: str, body: msgspec.Raw, due: float, on_answer: OnAnswer) -> None:
        """As a child is asked."""
        ours = self._ours or self._begin()
        request = self._questions.new("supervisor", due, on_answer)
        ours.sendall(encode_report(Report(process="supervisor", request=request, ask=what, body=body)))

    def _begin(self) -> socket.socket:
        self._ours, theirs = socket.socketpair()
        attend.start(theirs.detach(), "supervisor", attend.own_acts(), receives=False)
        self._selector.register(self._ours, selectors.EVENT_READ, self._on_answer)
        return self._ours

    def _on_answer(self) -> None:
        if self._ours is not None:
            for report in self._line.feed(self._ours.recv(READ_BYTES)):
                if report.request:
                    self._questions.on_report("supervisor", report)
