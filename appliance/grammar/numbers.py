"""Whole numbers between two bounds, as digits: 7 to 120 is [7-9] | [1-9] [0-9] | "1" [0-1] [0-9] | "120"."""

DIGITS = 15  # what a double holds exactly, and no answer needs more


class Unbounded(Exception):
    """No number lies between these bounds."""


def integers(low: int | None, high: int | None) -> str:
    """Alternatives for every whole number from `low` to `high`; None: no bound. Raises Unbounded."""
    if low is not None and high is not None and low > high:
        raise Unbounded
    parts = []
    if low is None or low < 0:
        most = None if low is None else -low
        parts.append(f'"-" ({naturals(max(1, -high) if high is not None and high < 0 else 1, most)})')
    if high is None or high >= 0:
        parts.append(naturals(max(0, low or 0), high))
    return " | ".join(parts)


def numbers(low: int | None, high: int | None) -> str:
    """The same with a fraction allowed, which uses the rule `fraction`. Raises Unbounded."""
    if low is not None and high is not None and low > high:
        raise Unbounded
    parts = []
    if low is None or low < 0:
        parts.append(f'"-" ({_magnitudes(max(0, -(high or 0)) if high is not None else 0, low and -low)})')
    if high is None or high >= 0:
        parts.append(_magnitudes(max(0, low or 0), high))
    return " | ".join(parts)


def _magnitudes(low: int, high: int | None) -> str:
    if high is None:
        return f"({naturals(low, None)}) fraction?"
    ends = f'"{high}" ("." "0"{{1,16}})?'
    return ends if high <= low else f"({naturals(low, high - 1)}) fraction? | {ends}"


def naturals(low: int, high: int | None) -> str:
    """Numbers from `low` (0 or more), without leading zeros."""
    if high is None:
        length = len(str(low))
        longer = f"[1-9] [0-9]{{{length},{max(length, DIGITS)}}}"
        return f"{naturals(low, 10**length - 1)} | {longer}"
    parts = []
    for length in range(len(str(low)), len(str(high)) + 1):
        least, most = (0 if length == 1 else 10 ** (length - 1)), 10**length - 1
        parts += _same_length(str(max(low, least)), str(min(high, most)))
    return " | ".join(parts)


def _same_length(low: str, high: str) -> list[str]:
    """From `low` to `high`, both of one length: the common beginning, then the three ways to go on."""
    if low == high:
        return [f'"{low}"']
    at = next(index for index, pair in enumerate(zip(low, high, strict=True)) if pair[0] != pair[1])
    start, rest = f'"{low[:at]}" ' if at else "", len(low) - at - 1
    if set(low[at + 1 :]) <= {"0"} and set(high[at + 1 :]) <= {"9"}:
        return [f"{start}[{low[at]}-{high[at]}]{_any(rest)}"]
    parts = [f'{start}"{low[at]}" ({" | ".join(_same_length(low[at + 1 :], "9" * rest))})']
    if int(high[at]) - int(low[at]) > 1:
        parts.append(f"{start}[{int(low[at]) + 1}-{int(high[at]) - 1}]{_any(rest)}")
    return [*parts, f'{start}"{high[at]}" ({" | ".join(_same_length("0" * rest, high[at + 1 :]))})']


def _any(count: int) -> str:
    return f" [0-9]{{{count}}}" if count else ""
