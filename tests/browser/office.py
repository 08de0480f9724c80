"""The pages over small in-memory services, served for a real browser."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import uvicorn

from appliance.protocol.messages import Finished, Progress, Queued, StreamEvent, Token
from tests.http.fakes import House

ANSWER = """네, **세 가지**로 정리했어요.

1. 회의록은 [내부 위키](https://wiki.example.com/minutes)에 올려요.
2. 담당자는 금요일까지 `report.py`를 고쳐요.

```python
def total(rows: list[int]) -> int:
    \"\"\"모두 더해요.\"\"\"
    return sum(rows)  # 한 줄이면 충분해요
```

| 항목 | 담당 | 금액 |
|---|---|--:|
| 서버 | 김하나 | 1,200 |
| 디스크 | 이두리 | 300 |

합계는 $1200 + 300 = 1500$ 이고, 평균은

$$\\bar{x} = \\frac{1}{n}\\sum_{i=1}^{n} x_i$$

![사진](https://evil.example/x.png) <b>끝</b>
"""


async def tell(text: str) -> AsyncIterator[StreamEvent]:
    """Answers at the pace of a small model; a question with "천천히" goes on until it is stopped,
    "생각" is thought about first, "오래" without an end."""
    yield Queued("", 2, 40.0)
    await asyncio.sleep(0.05)
    yield Progress("", 30, 100)
    await asyncio.sleep(0.05)
    if "생각" in text:
        for number in range(10_000 if "오래" in text else 30):
            yield Token("", f"먼저 표를 떠올려요. {number} ", "reasoning")
            await asyncio.sleep(0.02)
    if "천천히" in text:
        for number in range(10_000):
            yield Token("", f"{number}번째 문장이에요. ")
            await asyncio.sleep(0.02)
    for start in range(0, len(ANSWER), 7):
        yield Token("", ANSWER[start : start + 7])
        await asyncio.sleep(0.002)
    yield Finished(
        id="", reason="stop", prompt_tokens=42, completion_tokens=180, decode_s=9.5, dropped_turns=2
    )


@contextmanager
def serve(house: House) -> Iterator[str]:
    """The base URL of a server over this house, until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            house.site,
            log_config=None,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
