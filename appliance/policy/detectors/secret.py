"""Secrets that open doors: keys of known services, PEM private keys, JSON web tokens, URL passwords.

Each family names the text it begins with, so that ordinary text costs one substring search
per family.
"""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.view import View

LONGEST_TOKEN = 6144  # no finding without spaces is longer
PEM_BEGIN = "-----BEGIN"

_PEM = re.compile(
    r"-----BEGIN (?:[A-Z]{1,10} )?PRIVATE KEY-----(?:\s{1,2}(?:Proc-Type|DEK-Info):[^\n]{0,80}){0,2}"
    r"[A-Za-z0-9+/=\s\\]{0,7500}(?:-----END (?:[A-Z]{1,10} )?PRIVATE KEY-----)?"
)
# What is glued to a key is masked with it: nobody can say where one ends that grew longer.
_REST = "[A-Za-z0-9_-]{0,256}"
_FAMILIES = tuple(
    (trigger, f"secret.{rule}", re.compile(pattern if rule == "url" else pattern + _REST))
    for trigger, rule, pattern in (
        (
            "eyJ",
            "jwt",
            r"(?<![A-Za-z])eyJ[A-Za-z0-9_-]{8,512}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{16,1024}",
        ),
        (
            "://",
            "url",
            r"://[A-Za-z0-9._~%!$&*+,;=-]{0,64}:((?!\*+@)[!-.0-?A-~]{1,128})(?=@[A-Za-z0-9\[])",
        ),
        ("sk-", "key", r"(?<![A-Za-z])sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{20,256}"),
        ("sk_live_", "key", r"(?<![A-Za-z])sk_live_[A-Za-z0-9]{16,128}"),
        ("rk_live_", "key", r"(?<![A-Za-z])rk_live_[A-Za-z0-9]{16,128}"),
        ("nae_", "key", r"(?<![A-Za-z])nae_[A-Za-z0-9_-]{20,128}"),
        ("AKIA", "key", r"(?<![A-Za-z])AKIA[0-9A-Z]{16,128}"),
        ("ASIA", "key", r"(?<![A-Za-z])ASIA[0-9A-Z]{16,128}"),
        ("gh", "key", r"(?<![A-Za-z])gh[pousr]_[A-Za-z0-9]{36,251}"),
        ("github_pat_", "key", r"(?<![A-Za-z])github_pat_[A-Za-z0-9_]{22,255}"),
        ("glpat-", "key", r"(?<![A-Za-z])glpat-[A-Za-z0-9_-]{20,64}"),
        ("xox", "key", r"(?<![A-Za-z])xox[abeprs]-[A-Za-z0-9-]{10,250}"),
        ("AIza", "key", r"(?<![A-Za-z])AIza[0-9A-Za-z_-]{35,128}"),
        ("hf_", "key", r"(?<![A-Za-z])hf_[A-Za-z0-9]{30,64}"),
        ("npm_", "key", r"(?<![A-Za-z])npm_[A-Za-z0-9]{36,128}"),
        ("pypi-", "key", r"(?<![A-Za-z])pypi-[A-Za-z0-9_-]{40,256}"),
    )
)
# By a sign that each of their keys has: most text has none of the first two.
_BY_SIGN = tuple(
    (sign, tuple(one for one in _FAMILIES if one[0] in triggers))
    for sign, triggers in (
        ("_", ("sk_live_", "rk_live_", "nae_", "gh", "github_pat_", "hf_", "npm_")),
        ("-", ("sk-", "glpat-", "xox", "pypi-")),
        ("eyJ", ("eyJ",)),
        ("://", ("://",)),
        ("A", ("AKIA", "ASIA", "AIza")),
    )
)
MASK = "********"


def find(view: View) -> Iterator[Finding]:
    """Overlapping secrets count as one, so that none is left half masked."""
    start = end = 0
    rule = ""
    for next_start, next_end, next_rule in sorted(_spans(view)):
        if rule and next_start < end:
            end = max(end, next_end)
            continue
        if rule:
            yield Finding(Kind.SECRET, Level.HIGH, start, end, rule, MASK)
        start, end, rule = next_start, next_end, next_rule
    if rule:
        yield Finding(Kind.SECRET, Level.HIGH, start, end, rule, MASK)


def _spans(view: View) -> Iterator[tuple[int, int, str]]:
    text = view.text
    if PEM_BEGIN in text:
        for key in view.every(_PEM):
            yield (*key.span(), "secret.pem")
    for sign, families in _BY_SIGN:
        if sign in text:
            for family in families:
                yield from _of_family(text, *family)


def _of_family(text: str, trigger: str, rule: str, shape: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    position = text.find(trigger)
    while position >= 0:
        match = shape.match(text, position)
        if match is not None:
            yield (*match.span(1 if shape.groups else 0), rule)
        position = text.find(trigger, position + 1)
