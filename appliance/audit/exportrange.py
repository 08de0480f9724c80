"""Which entries an export is asked for: by day, by moment or by index, as a person writes it."""

import re
from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy.orm import Session

from appliance.audit import tree
from appliance.errors import N_, InvalidInput, NotFound

SEOUL = timezone(timedelta(hours=9), "KST")
_INDEX = re.compile(r"[0-9]{1,18}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def resolve(session: Session, start: str, end: str, size: int) -> tuple[int, int]:
    """(first index, index after the last) within the first `size` entries; '' means without a bound.

    Days and moments without a zone are Seoul's; a day as `end` is meant to its end, an index too.
    InvalidInput for what is neither; NotFound when there is no entry in between.
    """
    first = _first(session, start) if start else 0
    after = min(size, _after(session, end) if end else size)
    if first is None or first >= after:
        raise NotFound(N_("There is no sealed entry in this range."))
    return first, after


def _first(session: Session, text: str) -> int | None:
    if _INDEX.fullmatch(text):
        return int(text)
    return tree.first_at(session, _as_written(_moment(text)))


def _after(session: Session, text: str) -> int:
    if _INDEX.fullmatch(text):
        return int(text) + 1
    moment = _moment(text) + (timedelta(days=1) if _DAY.fullmatch(text) else timedelta())
    last = tree.last_before(session, _as_written(moment))
    return 0 if last is None else last + 1


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=SEOUL)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            N_("'%(text)s' is no day, time or number. Write 2026-11-01, 2026-11-01T09:00 or an index."),
            text=text,
        ) from None


def _as_written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
