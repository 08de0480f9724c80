"""What the first reader would otherwise wait for, done before the door opens: pages compiled, the grammar
of answers built, dates and common programming languages known.
"""

from datetime import datetime

from appliance.http.markdown import render
from appliance.http.view import View, day

# Every kind of block that an answer can have, and the languages that people paste most.
SAMPLE = """**가** *나* ~~다~~ `라` [마](https://example.com/) ![바](https://example.com/x.png)

1. 사

- 아

> 자

| 차 | 카 |
|---|--:|
| 타 | 1 |

$x^2$

$$\\sum_{i=1}^{n} x_i$$
"""
LANGUAGES = ("python", "javascript", "sql", "bash", "json")


def warm(view: View, now: datetime) -> None:
    """Some tenths of a second of work; nothing of it is kept but what the libraries keep themselves."""
    view.compile_all()
    blocks = "".join(f"```{language}\n1\n```\n\n" for language in LANGUAGES)
    for words in view.translators:
        render(SAMPLE + blocks, words)
        day(now, words.language)
