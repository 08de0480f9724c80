"""Check digits, as their issuers compute them. `digits` are ASCII digits only.

Sums run over the characters' codes: the 48 that each code is above its digit is taken off at the end.
"""

from datetime import date
from operator import mul
from string import ascii_uppercase

_RRN_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CORPORATE_WEIGHTS = (1, 2) * 6
_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_ZERO = ord("0")
_LETTER_VALUES = str.maketrans({letter: str(10 + at) for at, letter in enumerate(ascii_uppercase)})
# Luhn: what a digit's code counts for, as it stands and doubled with its digits summed.
_ONCE = bytes.maketrans(b"0123456789", bytes(range(10)))
_TWICE = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_CENTURIES = {
    "1": 1900, "2": 1900, "5": 1900, "6": 1900,
    "3": 2000, "4": 2000, "7": 2000, "8": 2000,
    "9": 1800, "0": 1800,
}  # fmt: skip


def birth_date(digits: str) -> date | None:
    """The date a 13-digit resident number claims; None when there is no such day."""
    if digits[2] > "1" or digits[4] > "3":
        return None
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
    total = _weighed(digits, _RRN_WEIGHTS)
    base = 13 if is_foreigner(digits) else 11
    return (base - total % 11) % 10 == int(digits[12])


def corporate_check(digits: str) -> bool:
    """13-digit corporate registration number: weights 1 and 2, products not digit-summed."""
    total = _weighed(digits, _CORPORATE_WEIGHTS)
    return (10 - total % 10) % 10 == int(digits[12])


def business_check(digits: str) -> bool:
    """10-digit business registration number of the tax office."""
    total = _weighed(digits, _BUSINESS_WEIGHTS) + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    codes = digits.encode()
    return (sum(codes[-1::-2].translate(_ONCE)) + sum(codes[-2::-2].translate(_TWICE))) % 10 == 0


def _weighed(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of the first digits, each times its weight."""
    total: int = sum(map(mul, digits.encode(), weights))
    return total - _ZERO * sum(weights)


def iban_check(iban: str) -> bool:
    """ISO 13616: letters count as 10 to 35, the whole is 1 modulo 97."""
    return int((iban[4:] + iban[:4]).translate(_LETTER_VALUES)) % 97 == 1
