"""Passwords: argon2id (RFC 9106) and the rules of NIST SP 800-63B, section 3.1.1.

Length counts characters; nothing is demanded of their kinds; what attackers try first is
refused: words of common_passwords.txt with the usual digits and signs behind them, walks
over a keyboard row, short repetitions, dates and telephone numbers, one's own name. The list
is ours and needs no network.
"""

import re
import unicodedata
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from appliance.errors import N_, InvalidInput

MIN_LENGTH = 8
MAX_LENGTH = 256
MEMORY_KIB = 19 * 1024  # OWASP's smallest set for argon2id: 19 MiB, 2 passes, 1 lane
PASSES = 2
COMMON_FILE = "common_passwords.txt"

NONE = "!"  # the hash of an account that no password opens

_HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
_USUAL_TAIL = re.compile(r"[0-9]{0,6}[!@#$%^&*?.~_-]{0,3}\Z")
_NUMBER = re.compile(r"[0-9]{1,11}\Z")
_REPETITION = re.compile(r"(.{1,4})\1+\Z", re.DOTALL)
_ROWS = (
    "01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./",
    "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ", "가나다라마바사아자차카타파하",
)  # fmt: skip


def check_strength(password: str, name: str) -> None:
    """InvalidInput, saying what to do, for a password nobody should use."""
    typed, password = password.casefold(), _normal(password)
    if len(password) < MIN_LENGTH:
        raise InvalidInput(
            N_("A password has at least %(least)d characters. A short sentence is easy to remember."),
            field="password",
            least=MIN_LENGTH,
        )
    if len(password) > MAX_LENGTH:
        raise InvalidInput(
            N_("A password has at most %(most)d characters."), field="password", most=MAX_LENGTH
        )
    folded = password.casefold()
    if folded == _normal(name).strip().casefold() or _is_walk(typed) or _is_common(folded):
        raise InvalidInput(
            N_("This password is among the first that attackers try. Choose another."), field="password"
        )


def hash_password(password: str) -> str:
    """The encoded argon2id hash with its parameters and salt."""
    return _HASHER.hash(_bytes(password))


def matches(encoded: str, password: str) -> bool:
    """Whether the password is the one; takes the same time for a wrong one."""
    try:
        return _HASHER.verify(encoded, _bytes(password))
    except (VerifyMismatchError, InvalidHashError):
        return False


def _is_walk(typed: str) -> bool:
    return any(typed in row or typed[::-1] in row for row in _ROWS)


def _is_common(folded: str) -> bool:
    if _NUMBER.match(folded) or _REPETITION.match(folded):
        return True
    words = files("appliance.identity").joinpath(COMMON_FILE).read_text("utf-8").split()
    return any(folded.startswith(word) and _USUAL_TAIL.match(folded, len(word)) for word in words)


def _normal(password: str) -> str:
    """NFKC, so that Hangul typed on any system is the same password; too long stays too long."""
    return unicodedata.normalize("NFKC", password)[: MAX_LENGTH + 1]


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
