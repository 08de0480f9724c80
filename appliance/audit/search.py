"""Finding entries: newest first, page by page, each page at a bounded cost however long the log is.

A page never counts or sorts the log. The filter with the fewest entries leads, if those are few;
otherwise the newest WINDOW entries are looked through, and the page says how far it came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from appliance.audit import store
from appliance.audit.entry import Leaf, decode
from appliance.audit.store import COMMON, EntryRow

FEW = 10_000
WINDOW = 100_000
CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to find; an empty field asks nothing.

    `start` (from) and `end` (before) are times as entries write them; `user` is who acted or whose
    data it was; `action` may be an area ("chat:"); `model` the beginning of a model's SHA-256.
    """

    start: str = ""
    end: str = ""
    user: str = ""
    origin: str = ""
    action: str = ""
    outcome: str = ""
    detector: str = ""
    model: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `following` is the cursor of the next one, None at the end of the log.

    With `unfinished` the search stopped at its bound: the next page looks on from there.
    """

    entries: tuple[Leaf, ...]
    following: int | None
    unfinished: bool = False


def search(session: Session, query: Query, before: int | None, limit: int) -> Found:
    """At most `limit` entries under index `before` (None: the newest). ValueError for a damaged one."""
    low, high = _range(session, query, before)
    if low >= high:
        return Found((), None)
    clauses = _clauses(session, query)
    lead = _fewest(session, clauses)
    floor = low if lead is not None or not clauses else max(low, high - WINDOW)
    if lead is not None:
        found = _among_few(session, lead, clauses, (low, high), limit + 1)
    else:
        matching = select(EntryRow.index).where(*_within(floor, high), *clauses)
        found = list(session.scalars(matching.order_by(EntryRow.index.desc()).limit(limit + 1)))
    if len(found) > limit:
        return Found(_leaves(session, found[:limit]), found[limit - 1])
    leaves = _leaves(session, found)
    return Found(leaves, floor, unfinished=True) if floor > low else Found(leaves, None)


def _among_few(
    session: Session,
    lead: ColumnElement[bool],
    clauses: Sequence[ColumnElement[bool]],
    within: tuple[int, int],
    limit: int,
) -> list[int]:
    """The newest `limit` indexes that meet all conditions, of the few that meet `lead`."""
    low, high = within
    few = session.scalars(select(EntryRow.index).where(lead))  # bounds in SQL would draw it off its index
    indexes = sorted((index for index in few if low <= index < high), reverse=True)
    found: list[int] = []
    for start in range(0, len(indexes), CHUNK):
        chunk = EntryRow.index.in_(indexes[start : start + CHUNK])  # by place, never by another index
        found += sorted(session.scalars(select(EntryRow.index).where(chunk, *clauses)), reverse=True)
        if len(found) >= limit:
            break
    return found[:limit]


def _range(session: Session, query: Query, before: int | None) -> tuple[int, int]:
    """The indexes [low, high) that the times and the cursor leave."""
    high = store.tree_size(session) if before is None else before
    low = 0
    times = [clause for clause in (_since(query), _until(query)) if clause is not None]
    if times:
        bounds = select(func.min(EntryRow.index), func.max(EntryRow.index)).where(*times)
        first, last = session.execute(bounds).one()
        if first is None:
            return 0, 0
        low, high = first, min(high, last + 1)
    return low, high


def _within(low: int, high: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return EntryRow.index >= low, EntryRow.index < high


def _since(query: Query) -> ColumnElement[bool] | None:
    return EntryRow.time >= query.start if query.start else None


def _until(query: Query) -> ColumnElement[bool] | None:
    return EntryRow.time < query.end if query.end else None


def _clauses(session: Session, query: Query) -> list[ColumnElement[bool]]:
    """One condition for each field that asks for something."""
    asked: list[ColumnElement[bool] | None] = [_since(query), _until(query)]
    if query.user:
        asked.append(or_(EntryRow.actor == query.user, EntryRow.subject == query.user))
    if query.action:
        area = query.action.endswith(":")
        asked.append(_begins(EntryRow.action, query.action) if area else EntryRow.action == query.action)
    for name in ("origin", "outcome", "request"):
        if value := getattr(query, name):
            asked.append(_indexed(name, getattr(EntryRow, name) == value, value))
    if query.model:
        asked.append(_indexed("model", _begins(EntryRow.model, query.model), query.model))
    if query.detector:
        sets = [found for found in _detector_sets(session) if query.detector in found.split(" ")]
        asked.append(_indexed("detectors", EntryRow.detectors.in_(sets), query.detector))
    return [clause for clause in asked if clause is not None]


def _begins(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    return and_(column >= prefix, column < prefix + "\U0010ffff")


def _indexed(name: str, clause: ColumnElement[bool], value: str) -> ColumnElement[bool]:
    """With the index's own condition, without which a partial index is not used."""
    column: InstrumentedAttribute[str] = getattr(EntryRow, name)
    common = COMMON[name]
    return clause if value == common else and_(clause, column != literal_column(f"'{common}'"))


def _fewest(session: Session, clauses: Sequence[ColumnElement[bool]]) -> ColumnElement[bool] | None:
    """The condition that fewest entries of the whole log meet; None when many meet each."""
    counted: list[tuple[int, ColumnElement[bool]]] = []
    for clause in clauses:
        few = select(EntryRow.index).where(clause).limit(FEW + 1).subquery()
        counted.append((session.scalar(select(func.count()).select_from(few)) or 0, clause))
    fitting = [one for one in counted if one[0] <= FEW]
    return min(fitting, key=lambda one: one[0])[1] if fitting else None


def _detector_sets(session: Session) -> list[str]:
    """Every combination of detectors in the log, by walking over the index from one to the next."""
    found: list[str] = []
    last = ""
    while True:
        following = select(func.min(EntryRow.detectors)).where(EntryRow.detectors > last)
        value = session.scalar(following.where(EntryRow.detectors != literal_column("''")))
        if value is None:
            return found
        found.append(value)
        last = value


def _leaves(session: Session, indexes: Sequence[int]) -> tuple[Leaf, ...]:
    rows = session.scalars(
        select(EntryRow.leaf).where(EntryRow.index.in_(indexes)).order_by(EntryRow.index.desc())
    )
    return tuple(decode(leaf) for leaf in rows)
