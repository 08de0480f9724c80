"""여권번호: a letter for the kind of passport and eight digits, the fourth may be a letter since 2021."""

import re
from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level, stars
from appliance.policy.detectors.labels import any_case
from appliance.policy.detectors.view import View

# Begins with the letter and looks back afterwards: a pattern that begins with a set is searched faster.
_SHAPE = re.compile(
    r"[MSRGD](?<![A-Za-z0-9].)([-. ]?)[0-9]{3}(?:[0-9]([-. ]?)[0-9]{4}|[A-Z]([-. ]?)[0-9]{4})(?![A-Za-z0-9])"
)
_CONTEXT = re.compile(f"여권|{any_case('passport')}")


def find(view: View) -> Iterator[Finding]:
    for match in view.every(_SHAPE):
        named = view.near(_CONTEXT, *match.span())
        if not named and any(match.groups()):
            continue
        level, rule = (Level.HIGH, "passport.context") if named else (Level.MEDIUM, "passport.shape")
        yield Finding(Kind.PASSPORT, level, *match.span(), rule, stars(match.group(), keep=1))
