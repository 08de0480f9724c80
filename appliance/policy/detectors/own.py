"""What an organisation looks for itself: lists of terms and patterns, by name."""

from collections.abc import Iterator

from appliance.policy.detectors.finding import Finding, Kind
from appliance.policy.detectors.patterns import Patterns
from appliance.policy.detectors.terms import Terms


class Own:
    """All of them. Immutable once made."""

    def __init__(
        self, terms: Terms | None = None, patterns: Patterns | None = None, lists: tuple[str, ...] = ()
    ) -> None:
        self.terms = terms or Terms({})
        self.patterns = patterns or Patterns(())
        self.names = (
            *(f"{Kind.TERM}:{name}" for name in lists),
            *(f"{Kind.PATTERN}:{name}" for name in self.patterns.names),
        )
        self.longest = max(self.terms.longest, self.patterns.longest)

    def find(self, text: str, kinds: frozenset[Kind]) -> Iterator[Finding]:
        """What is in a normalised text."""
        if Kind.TERM in kinds:
            yield from self.terms.find(text)
        if Kind.PATTERN in kinds:
            yield from self.patterns.find(text)
