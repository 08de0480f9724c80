"""All detectors over one text; overlapping findings settled the same way every time."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from operator import attrgetter

from appliance.policy.detectors import (
    account,
    address,
    business,
    card,
    corporate,
    email,
    iban,
    licence,
    name,
    network,
    passport,
    phone,
    registered,
    rrn,
    secret,
    vehicle,
)
from appliance.policy.detectors.finding import Finding, Kind
from appliance.policy.detectors.normalise import Normalised, normalise
from appliance.policy.detectors.own import Own
from appliance.policy.detectors.view import View

# The detector, what it finds, and how many digits must stand together before it can find anything.
_DETECTORS: tuple[tuple[Callable[[View], Iterator[Finding]], frozenset[Kind], int], ...] = (
    (secret.find, frozenset({Kind.SECRET}), 0),
    (rrn.find, frozenset({Kind.RRN, Kind.FOREIGNER}), 13),
    (licence.find, frozenset({Kind.LICENCE}), 12),
    (passport.find, frozenset({Kind.PASSPORT}), 0),
    (card.find, frozenset({Kind.CARD}), 13),
    (iban.find, frozenset({Kind.IBAN}), 0),
    (phone.find, frozenset({Kind.PHONE}), 0),
    (business.find, frozenset({Kind.BUSINESS}), 10),
    (corporate.find, frozenset({Kind.CORPORATE}), 13),
    (registered.find, frozenset({Kind.HEALTH_INSURANCE, Kind.MILITARY, Kind.STUDENT}), 0),
    (account.find, frozenset({Kind.ACCOUNT}), 10),
    (vehicle.find, frozenset({Kind.VEHICLE}), 0),
    (email.find, frozenset({Kind.EMAIL}), 0),
    (network.find, frozenset({Kind.IP}), 0),
    (address.find, frozenset({Kind.ADDRESS}), 0),
    (name.find, frozenset({Kind.NAME}), 0),
)
_ALL = frozenset(Kind)
_START = attrgetter("start")
_PRECEDENCE = {kind: number for number, kind in enumerate(Kind)}


def scan(text: str, today: date, own: Own | None = None) -> tuple[Finding, ...]:
    """What is in `text`, in order, not overlapping, with offsets on `text` itself."""
    normal = normalise(text)
    found = resolve(candidates(normal.text, today, own))
    return tuple(on_original(finding, normal) for finding in found)


def candidates(
    text: str, today: date, own: Own | None = None, kinds: frozenset[Kind] = _ALL
) -> list[Finding]:
    """Everything the detectors of these kinds say about a normalised text, overlapping or not."""
    view = View(text, today)
    digits = max((count for _, _, count in view.stretches), default=0)
    found: list[Finding] = []
    for find, theirs, fewest in _DETECTORS:
        if fewest <= digits and not kinds.isdisjoint(theirs):
            found.extend(find(view))
    if own is not None:
        found.extend(own.find(text, kinds))
    return found


def resolve(found: Iterable[Finding]) -> list[Finding]:
    """Of overlapping findings keep the surer one; then by kind; then the longer; then the first."""
    kept: list[Finding] = []
    heap: list[Finding] = []
    end = 0
    for finding in sorted(found, key=_START):
        if heap and finding.start >= end:
            kept += _best(heap)
            heap = []
        end = max(end, finding.end) if heap else finding.end
        heap.append(finding)
    return kept + _best(heap)


def _best(heap: list[Finding]) -> list[Finding]:
    """Of findings that hang together by overlaps, those that stay, in order."""
    if len(heap) == 1:
        return heap
    ranked = sorted(heap, key=lambda one: (-one.level, _PRECEDENCE[one.type], one.start - one.end, one.start))
    kept: list[Finding] = []
    starts: list[int] = []
    for finding in ranked:
        place = bisect_left(starts, finding.start)
        after_previous = place == 0 or kept[place - 1].end <= finding.start
        before_next = place == len(kept) or finding.end <= kept[place].start
        if after_previous and before_next:
            kept.insert(place, finding)
            starts.insert(place, finding.start)
    return kept


def on_original(finding: Finding, normal: Normalised) -> Finding:
    """The same finding with offsets on the text before normalisation."""
    kind, level, start, end, rule, mask = finding
    return Finding(kind, level, *normal.span(start, end), rule, mask)
