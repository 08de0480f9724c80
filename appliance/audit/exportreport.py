"""The readable page of an export: a summary in Korean and English, without scripts, from one pass.

It proves nothing by itself and says so; what is proven are the files of entries.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from appliance.audit.exportrange import SEOUL
from appliance.evidence.layout import Manifest
from appliance.evidence.record import Record
from appliance.tlog.note import encode64

SHOWN_ENTRIES = 500
SHOWN_ROWS = 30
_STYLE = (
    'body{font:15px/1.6 Pretendard,"Malgun Gothic","Noto Sans KR",sans-serif;max-width:70rem;margin:auto;'
    "padding:0 1rem;color:#1b1f24;background:#fff}table{border-collapse:collapse;margin:1rem 0;width:100%}"
    "td,th{border-bottom:1px solid #d0d7de;padding:.25rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}code{font-size:.9em;overflow-wrap:anywhere}@media print{body{margin:0}}"
)


@dataclass(slots=True)
class Summary:
    """Counts, and the first entries, gathered while they are written."""

    days: Counter[str] = field(default_factory=Counter)
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    actors: Counter[str] = field(default_factory=Counter)
    shown: list[Record] = field(default_factory=list)

    def add(self, record: Record) -> None:
        self.days[_seoul(record["time"])[:10]] += 1
        self.actions[record["action"], record["outcome"]] += 1
        self.actors[record["actor"].get("id", "")] += 1
        if len(self.shown) < SHOWN_ENTRIES:
            self.shown.append(record)


def render(manifest: Manifest, summary: Summary) -> str:
    """The page."""
    facts = [
        ("로그 Log", manifest.origin),
        ("만든 때 Made at", f"{_seoul(manifest.made_at)} KST"),
        ("사유 Reason", manifest.reason),
        ("범위 Range", f"{manifest.asked_from or '—'} … {manifest.asked_to or '—'}"),
        ("기록 Entries", f"{manifest.first} – {manifest.end - 1} ({manifest.count})"),
        ("체크포인트 Checkpoint", f"{manifest.size} · {encode64(manifest.root)}"),
    ]
    parts = [
        "<h1>감사 기록 내보내기 <small>Audit export</small></h1>",
        "<p>읽기 위한 요약입니다. 증명되는 것은 entries.* 파일이며, 확인하는 방법은 README.txt에 있습니다. "
        "This page is a summary for reading; what is proven are the files entries.* (see README.txt).</p>",
        _table([], facts),
        "<h2>행위와 결과 <small>Actions and outcomes</small></h2>",
        _table(
            ["행위 Action", "결과 Outcome", "건수 Count"],
            [(action, outcome, count) for (action, outcome), count in sorted(summary.actions.items())],
        ),
        "<h2>날짜별 <small>By day (KST)</small></h2>",
        _table(["날짜 Day", "건수 Count"], _few(sorted(summary.days.items()))),
        "<h2>행위자별 <small>By actor</small></h2>",
        _table(["행위자 Actor", "건수 Count"], _few(summary.actors.most_common())),
        f"<h2>첫 기록 {len(summary.shown)}건 <small>The first {len(summary.shown)} entries</small></h2>",
        _table(
            [
                "번호 Index",
                "때 Time (KST)",
                "누가 Who",
                "어디서 Origin",
                "누구의 Subject",
                "업무 Task",
                "행위 Action",
                "결과 Outcome",
            ],
            [_row(record) for record in summary.shown],
        ),
    ]
    return (
        '<!doctype html>\n<html lang="ko"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>감사 기록 내보내기 · Audit export</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _row(record: Record) -> tuple[object, ...]:
    actor = record["actor"]
    return (
        record["index"],
        _seoul(record["time"]),
        f"{actor['kind']} {actor.get('id', '')}",
        actor.get("origin", ""),
        record.get("subject", ""),
        record.get("task", ""),
        record["action"],
        record["outcome"],
    )


def _few(rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
    rest = sum(count for _, count in rows[SHOWN_ROWS:])
    return rows[:SHOWN_ROWS] + ([("그 밖 others", rest)] if rest else [])


def _table(head: list[str], rows: Iterable[tuple[object, ...]]) -> str:
    titles = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n" for row in rows
    )
    return f"<table>{f'<thead><tr>{titles}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _seoul(time: str) -> str:
    moment = datetime.fromisoformat(time.replace("Z", "+00:00"))
    return moment.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M:%S")
