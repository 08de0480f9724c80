"""A working day in a few requests: sign-in, chat in the browser's way, files, API, console, exports."""

import re
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import httpx

from tests.extractor import documents
from tests.journeys.product import ADMIN, PASSWORD, appliance

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
PAGES = (
    "/chat",
    "/account",
    "/account/data",
    "/account/security",
    "/health",
    "/link?to=https://example.com/",
)
OUTSIDE = b"http://192.0.2.254/calls-home"
FILES = {
    "note.txt": b"A note. " + OUTSIDE,
    "page.html": b"<html><img src='" + OUTSIDE + b"'>hello</html>",
    "report.pdf": documents.calling_pdf(OUTSIDE.decode()),
    "letter.docx": documents.calling_docx(OUTSIDE.decode()),
    "sheet.xlsx": documents.xlsx_file({"S": [["item", 1]]}),
    "show.pptx": documents.pptx_file([("Title", "Text", "Notes")]),
    "letter.hwpx": documents.hwpx_file("A paragraph."),
    "letter.hwp": documents.hwp_file(["A paragraph."]),
}  # two of them ask whoever opens them to fetch something
CONSOLE = re.compile(r'href="(/console/[a-z-]+)"')


class Session:
    """One person at one product. Every step raises when it did not work."""

    def __init__(self, url: str, data: Path) -> None:
        self._data = data
        self._http = httpx.Client(base_url=url, timeout=120, headers={"Accept": "text/html"})
        self.done: list[str] = []

    def run(self, key: str) -> list[str]:
        """What was done, in order."""
        with self._http:
            self._sign_in()
            self._chat()
            self._documents()
            self._api(key)
            self._look_at_everything()
            self._export()
            self._post("/sign-out")
        return [*self.done, "sign-out"]

    def _sign_in(self) -> None:
        answer = self._post("/sign-in", name=ADMIN, password=PASSWORD, next="/chat")
        assert answer.status_code == 303, answer.text
        self.done.append("sign-in")

    def _chat(self) -> None:
        """As the page's script does it: a form, then the answer as a stream of events."""
        sent = self._post("/chat/messages", json=True, text="Say hello.", client_id=str(uuid4())).json()
        address = f"/chat/{sent['conversation']}/answers/{sent['answer']}"
        with self._http.stream("GET", address) as stream:
            events = [line for line in stream.iter_lines() if line.startswith("event: ")]
        assert events[-1] == "event: finished", events
        assert "Say hello." in self._get(f"/chat/{sent['conversation']}").text
        self.done.append("chat")

    def _documents(self) -> None:
        """One of each kind beside a question."""
        ids = []
        for name, data in FILES.items():
            answer = self._post("/chat/attachments", json=True, files={"file": (name, data)}, conversation="")
            assert answer.status_code == 200, answer.text
            ids += [one["id"] for one in answer.json()["attachments"]]
        asked = self._post(
            "/chat/messages",
            json=True,
            text="What is in them?",
            client_id=str(uuid4()),
            attachments=",".join(ids),
        )
        sent = asked.json()
        address = f"/chat/{sent['conversation']}/answers/{sent['answer']}"
        assert "event: finished" in self._http.get(address).text
        assert "letter.hwpx" in self._get(f"/chat/{sent['conversation']}").text
        self.done.append("documents")

    def _api(self, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        model = self._http.get("/v1/models", headers=headers).json()["data"][0]["id"]
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "Hello."}],
            "max_tokens": 4,
            "stream": True,
        }
        with self._http.stream("POST", "/v1/chat/completions", headers=headers, json=body) as stream:
            assert [line for line in stream.iter_lines() if line][-1] == "data: [DONE]"
        self.done.append("api")

    def _look_at_everything(self) -> None:
        for page in PAGES:
            assert self._get(page).status_code < 400, page
        start = self._get("/console", follow_redirects=True)
        sections = sorted(set(CONSOLE.findall(start.text)))
        assert len(sections) >= 3
        for section in sections:
            assert self._get(section).status_code == 200, section
        self.done.append("console")

    def _export(self) -> None:
        own = self._post("/account/data/export")
        assert own.headers["content-type"] == "application/zip", own.status_code
        out = self._data.parent / "log.zip"
        made = appliance("audit", "export", "--data", str(self._data), "--reason", "trace", "--out", str(out))
        assert made.returncode == 0, made.stderr
        assert out.stat().st_size > 0
        self.done.append("export")

    def _get(self, path: str, *, follow_redirects: bool = False) -> httpx.Response:
        return self._http.get(path, follow_redirects=follow_redirects)

    def _post(
        self,
        path: str,
        *,
        json: bool = False,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        **fields: str,
    ) -> httpx.Response:
        page = self._http.get("/account" if "naesil" in self._http.cookies else "/sign-in")
        token = CSRF.search(page.text)
        assert token is not None
        headers = {"Sec-Fetch-Site": "same-origin"} | ({"Accept": "application/json"} if json else {})
        return self._http.post(path, data={"csrf": token[1], **fields}, files=files, headers=headers)
