"""Check digits, as their issuers compute them. `digits` are ASCII digits only."""

from datetime import date
from operator import mul

_RRN_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CORPORATE_WEIGHTS = (1, 2) * 6
_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_CENTURIES = {
    "1": 1900, "2": 1900, "5": 1900, "6": 1900,
    "3": 2000, "4": 2000, "7": 2000, "8": 2000,
    "9": 1800, "0": 1800,
}  # fmt: skip


def birth_date(digits: str) -> date | None:
    """The date a 13-digit resident number claims; None when there is no such day."""
    year = _CENTURIES[digits[6]] + int(digits[:2])
    try:
        return date(year, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None


def is_foreigner(digits: str) -> bool:
    """Whether a 13-digit number is of the kind given to foreigners."""
    return digits[6] in "5678"


def resident_check(digits: str) -> bool:
    """The check digit of resident numbers issued before October 2020; newer ones have none."""
    total: int = sum(map(mul, map(int, digits), _RRN_WEIGHTS))
    base = 13 if is_foreigner(digits) else 11
    return (base - total % 11) % 10 == int(digits[12])


def corporate_check(digits: str) -> bool:
    """13-digit corporate registration number: weights 1 and 2, products not digit-summed."""
    total: int = sum(map(mul, map(int, digits[:12]), _CORPORATE_WEIGHTS))
    return (10 - total % 10) % 10 == int(digits[12])


def business_check(digits: str) -> bool:
    """10-digit business registration number of the tax office."""
    total: int = sum(map(mul, map(int, digits), _BUSINESS_WEIGHTS))
    total += int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban_check(iban: str) -> bool:
    """ISO 13616: letters count as 10 to 35, the whole is 1 modulo 97."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1
