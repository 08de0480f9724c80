"""Passwords: argon2id (RFC 9106) and the length rule of NIST SP 800-63B, section 3.1.1."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from appliance.errors import N_, InvalidInput

MIN_LENGTH = 8
MAX_LENGTH = 256
MEMORY_KIB = 19 * 1024

_HASHER = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1)
_COMMON = frozenset(
    """12345678 123456789 1234567890 password password1 password123 passw0rd qwertyuiop qwerty123
    1q2w3e4r 1q2w3e4r! 1q2w3e4r5t q1w2e3r4 asdfghjkl zxcvbnm1 11111111 00000000 88888888 abcd1234
    abc12345 a1234567 a12345678 aa123456 asdf1234 qwer1234 qwer1234! iloveyou sunshine princess
    football baseball superman trustno1 letmein1 welcome1 admin123 administrator changeme dragon12
    monkey12 dkssudgktpdy tkfkdgo1 dlfjskrk qlalfqjsgh gksrnrdl1 naesil123 naesil1234""".split()  # noqa: SIM905 - reads better than sixty quotes
)


def check_strength(password: str, name: str) -> None:
    """InvalidInput, saying what to do, for a password nobody should use."""
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
    if folded in _COMMON or len(set(folded)) < 3 or folded == name.casefold():
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


def _bytes(password: str) -> bytes:
    return password[: MAX_LENGTH + 1].encode("utf-8", "surrogatepass")
