"""Makes identifiers that follow their issuers' rules and belong to nobody: all digits are drawn at random.

Written from the rules, not from the detectors, so that one does not repeat the other's mistakes.
"""

from datetime import date, timedelta
from random import Random


def digits(random: Random, count: int) -> str:
    return "".join(random.choice("0123456789") for _ in range(count))


def birthday(random: Random, first: int = 1930, last: int = 2024) -> date:
    start = date(first, 1, 1)
    return start + timedelta(days=random.randrange((date(last, 12, 31) - start).days))


def _resident_digit(twelve: str, base: int) -> int:
    weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]
    total = 0
    for index in range(12):
        total += int(twelve[index]) * weights[index]
    return (base - total % 11) % 10


def resident(random: Random, foreigner: bool = False, checked: bool | None = None) -> str:
    """Thirteen digits. Unchecked ones are as issued since October 2020: a random tail."""
    born = birthday(random)
    century = 0 if born.year < 2000 else 2
    seventh = str((5 if foreigner else 1) + century + random.randrange(2))
    head = born.strftime("%y%m%d") + seventh
    if checked if checked is not None else random.random() < 0.6:
        twelve = head + digits(random, 5)
        return twelve + str(_resident_digit(twelve, 13 if foreigner else 11))
    return head + digits(random, 6)


def company(random: Random) -> str:
    """Thirteen digits of a corporation: registry 1101 to 2850, kind, serial, check digit."""
    while True:
        kind = random.choice(["11", "12", "13", "14", "21", "22", "31", "81"])
        twelve = (
            random.choice(["1101", "1301", "1201", "1801", "2001", "1601", "2848"])
            + kind
            + "0"
            + digits(random, 5)
        )
        odd = sum(int(twelve[index]) for index in range(0, 12, 2))
        even = sum(int(twelve[index]) for index in range(1, 12, 2))
        last = (10 - (odd + 2 * even) % 10) % 10
        if last != _resident_digit(twelve, 11):  # else the rules say: treat it as a person's
            return twelve + str(last)


def business(random: Random) -> str:
    while True:
        nine = str(random.randrange(101, 1000)) + f"{random.randrange(1, 100):02}" + digits(random, 4)
        if nine[5:] == "0000":
            continue
        total = 0
        for digit, weight in zip(nine, [1, 3, 7, 1, 3, 7, 1, 3, 5], strict=True):
            total += int(digit) * weight
        total += int(nine[8]) * 5 // 10
        return nine + str((10 - total % 10) % 10)


def luhn_digit(number: str) -> str:
    for last in "0123456789":
        doubled = [int(digit) * 2 for digit in number[::-1][::2]]
        plain = [int(digit) for digit in number[::-1][1::2]]
        if (sum(value // 10 + value % 10 for value in doubled) + sum(plain) + int(last)) % 10 == 0:
            return last
    raise AssertionError(number)


def card(random: Random) -> str:
    """Sixteen digits."""
    head = random.choice(["4", "51", "52", "53", "54", "55", "3528", "6011", "62", "94"])
    number = head + digits(random, 15 - len(head))
    return number + luhn_digit(number)


def amex(random: Random) -> str:
    number = random.choice(["34", "37"]) + digits(random, 12)
    return number + luhn_digit(number)


def iban(random: Random) -> str:
    country, length = random.choice([("DE", 22), ("FR", 27), ("GB", 22), ("NL", 18), ("CH", 21)])
    body = ("ABNA" if country in ("GB", "NL") else "") + digits(random, length)
    body = body[: length - 4]
    as_number = "".join(str(int(char, 36)) for char in body + country + "00")
    return f"{country}{98 - int(as_number) % 97:02}{body}"


def mobile(random: Random) -> tuple[str, str, str]:
    prefix = random.choice(["010"] * 8 + ["011", "016", "019"])
    return prefix, digits(random, 4), digits(random, 4)


def passport(random: Random) -> str:
    letter = random.choice("MSRGD")
    return (
        letter + digits(random, 8)
        if random.random() < 0.5
        else f"{letter}{digits(random, 3)}{random.choice('ABCDEFGHJKL')}{digits(random, 4)}"
    )


def licence(random: Random) -> str:
    region = random.choice([*range(11, 27), 28])
    return f"{region}{random.randrange(100):02}{digits(random, 8)}"
