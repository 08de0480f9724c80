"""The page of a conversation of 500 messages: the first request that a fresh product gets, and later ones."""

import asyncio
import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from appliance.chat.transcript import Place, Transcript
from appliance.cli.house import open_house
from appliance.completions.values import Admitted, Ask, Reply
from appliance.core import Decision, Outcome, Permission, Principal, Usage
from appliance.ids import new_id
from appliance.protocol.messages import Hello, Sampling, Tools, Turn
from appliance.storage.vault import Vault
from benchmarks.browsing import TOKEN
from benchmarks.load import median, now
from benchmarks.registry import Bar, Measurement, Scale, Setup
from benchmarks.targets import product

AGAIN = 9
TEXT = """네, **세 가지**로 정리했어요. 첫째는 일정이고 둘째는 담당자예요.

1. 회의록은 내부 위키에 올려요.
2. 담당자는 금요일까지 `report.py`를 고쳐요.

{words}

"""
WORDS = "이 문장은 그냥 평범한 설명이에요. 회의에서 나온 이야기를 차분히 옮겨 적었어요. " * 6
EVERY_FIFTH = '''```python
def total(rows: list[int]) -> int:
    """모두 더해요."""
    return sum(rows)  # 한 줄이면 충분해요
```

| 항목 | 담당 | 금액 |
|---|---|--:|
| 서버 | 김하나 | 1,200 |
'''


def pages(scale: Scale) -> dict[str, float]:
    """Milliseconds from asking for the page to its last byte, over loopback."""
    return asyncio.run(_pages(scale))


async def _pages(scale: Scale) -> dict[str, float]:
    exchanges = scale.of(250, 3)
    made: list[str] = []
    setup = Setup(slots=1, context=512)
    async with product.start(
        setup, scale.model, prepare=lambda data: made.append(fill(data, exchanges))
    ) as at:
        return await asyncio.to_thread(_ask, at.url, made[0])


def fill(data: Path, exchanges: int) -> str:
    """A conversation of so many questions and answers of user0; its id."""
    with open_house(data) as house:
        transcript = Transcript(Vault.open(house.settings.keys_folder, house.clock), house.clock)
        owner = Principal(house.accounts.find("user0").id, "user")
        conversation, parent = new_id(), None
        with house.database.write() as session:
            transcript.add_conversation(session, owner, conversation, "긴 대화")
            for number in range(exchanges):
                place = Place(owner.user_id, conversation, new_id(), parent, new_id())
                admitted = _admitted(owner)
                transcript.add_exchange(session, place, f"질문 {number}번이에요. 더 알려 주세요.", admitted)
                text = TEXT.format(words=WORDS) + (EVERY_FIFTH if number % 5 == 0 else "")
                reply = Reply(state="done", reason="stop", text=text, usage=Usage(400, 100), decode_s=3.0)
                transcript.store_reply(session, admitted.answer_id, reply)
                parent = admitted.answer_id
    return conversation


def _admitted(owner: Principal) -> Admitted:
    ask = Ask(
        principal=owner, permission=Permission.CHAT_USE, turns=(Turn("user", ""),), sampling=Sampling(),
        request_id="", object="", subject_id=owner.user_id, cache_scope="",
    )  # fmt: skip
    model = Hello(
        model_name="", model_sha256="", licence="", quantization="", n_ctx=0, n_params=0,
        size_bytes=0, slots=1,
    )  # fmt: skip
    return Admitted(
        answer_id=new_id(), ask=ask, turns=ask.turns, tools=Tools(), decision=Decision(Outcome.ALLOWED),
        last_turn={}, spans=(), model=model, weight=1.0, most_running=1, most_context=0, max_tokens=1,
    )  # fmt: skip


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the page measured is the first of the chat that the process makes."""

    def redirect_request(self, *_args: object) -> None:
        return None


def _ask(url: str, conversation: str) -> dict[str, float]:
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(jar, _Stay())
    with opener.open(f"{url}/sign-in") as page:
        token = TOKEN.search(page.read().decode())
    if token is None:
        raise RuntimeError("no form on the page for signing in")
    form = urllib.parse.urlencode({"csrf": token[1], "name": "user0", "password": product.PASSWORD})
    try:
        opener.open(f"{url}/sign-in", form.encode())
    except urllib.error.HTTPError as answer:
        if answer.code != 303:
            raise
    times, sizes = [], set()
    for _ in range(1 + AGAIN):
        began = now()
        with opener.open(f"{url}/chat/{conversation}") as page:
            sizes.add(len(page.read()) // 1000)
        times.append((now() - began) * 1000)
    first, *later = times
    return {"first_ms": first, "later_ms": median(later), "worst_ms": max(times), "page_kb": max(sizes)}


WORKLOADS = (
    Measurement(
        "long-page",
        "the page of a conversation of 500 messages, first and later",
        pages,
        shown=("first_ms", "later_ms", "worst_ms"),
        bars=(Bar("first_ms", 300, "at most"), Bar("later_ms", 300, "at most")),
    ),
)
