"""What can go wrong, in words for the person at the keyboard.

NaesilError
|-- InvalidInput          the request itself is wrong
|   `-- ContextTooLong    the conversation does not fit the model
|-- NotSignedIn           no session or key, or one that is no longer good
|   `-- StepRequired      signed in, but something must be proven or set up first
|-- Forbidden             known, but not allowed
|   `-- PolicyViolation   a rule of policies/*.yaml said no
|-- NotFound              no such thing, or not yours (both answer alike)
|-- Conflict              somebody was there first
|-- TooLarge              more bytes than accepted
|-- LimitReached          come back in `retry_after` seconds
|-- Unavailable           a part of the product is not there just now
|   `-- StorageFailed     the database or the log cannot keep a promise
`-- ConfigError           the program cannot start like this

Messages are English templates marked with N_; the edge translates the template and
then fills it, so one error reads well in every language. Never put a prompt, a
password or a key into a parameter.
"""

from collections.abc import Callable
from typing import ClassVar


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for this marker
    """Mark `message` for the translation catalogue without translating it here."""
    return message


class Said:
    """A sentence inside a message, translated together with it: give one as a parameter."""

    def __init__(self, template: str, **params: object) -> None:
        self.template = template
        self.params = params

    def __call__(self, translate: Callable[[str], str]) -> str:
        template = translate(self.template) if self.template else ""
        if not self.params:
            return template
        return template % {
            name: value(translate) if callable(value) else value for name, value in self.params.items()
        }

    def __str__(self) -> str:
        return self(lambda message: message)


class NaesilError(Exception):
    """The root: a template, its parameters, and the input field it is about."""

    code: ClassVar[str] = "error"

    def __init__(self, template: str, *, field: str | None = None, **params: object) -> None:
        super().__init__(template)
        self.template = template
        self.field = field
        self.params = params

    def text(self, translate: Callable[[str], str] = lambda message: message) -> str:
        """The message for a person, in the language `translate` gives.

        A parameter may be a function of `translate`, for texts that come in several
        languages from elsewhere, such as the reasons in policy files.
        """
        return Said(self.template, **self.params)(translate)

    def __str__(self) -> str:
        return self.text()


class InvalidInput(NaesilError):
    code = "invalid_input"


class ContextTooLong(InvalidInput):
    code = "context_too_long"

    def __init__(self, prompt_tokens: int, context_tokens: int) -> None:
        super().__init__(
            N_(
                "The conversation has %(prompt_tokens)d tokens but at most %(context_tokens)d can be read "
                "at once here. Shorten it or start a new conversation."
            ),
            prompt_tokens=prompt_tokens,
            context_tokens=context_tokens,
        )
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class NotSignedIn(NaesilError):
    code = "not_signed_in"


class StepRequired(NotSignedIn):
    """Signed in, but something must be done first; `step` names the page where."""

    code = "step_required"

    def __init__(self, template: str, *, step: str) -> None:
        super().__init__(template)
        self.step = step


class Forbidden(NaesilError):
    code = "forbidden"


class PolicyViolation(Forbidden):
    """`spans`: where in the text it was found, below 0 in an attached file; `offers`: how the person may
    go on (masked, as_is)."""

    code = "policy_violation"

    def __init__(
        self,
        template: str,
        *,
        rules: tuple[str, ...],
        spans: tuple[tuple[int, int], ...] = (),
        offers: frozenset[str] = frozenset(),
        field: str | None = None,
        **params: object,
    ) -> None:
        super().__init__(template, field=field, **params)
        self.rules = rules
        self.spans = spans
        self.offers = offers


class ReasonNeeded(InvalidInput):
    """To be sent as it is a held text needs a reason; `spans` and `offers` as in PolicyViolation."""

    def __init__(
        self, template: str, *, spans: tuple[tuple[int, int], ...], offers: frozenset[str], **params: object
    ) -> None:
        super().__init__(template, field="stated_reason", **params)
        self.spans = spans
        self.offers = offers


class NotFound(NaesilError):
    code = "not_found"


class Conflict(NaesilError):
    code = "conflict"


class TooLarge(NaesilError):
    code = "too_large"


class LimitReached(NaesilError):
    code = "limit_reached"

    def __init__(
        self, template: str, *, retry_after: int, field: str | None = None, **params: object
    ) -> None:
        super().__init__(template, field=field, **params)
        self.retry_after = retry_after


class Unavailable(NaesilError):
    code = "unavailable"

    def __init__(
        self, template: str, *, retry_after: int = 5, field: str | None = None, **params: object
    ) -> None:
        super().__init__(template, field=field, **params)
        self.retry_after = retry_after


class StorageFailed(Unavailable):
    code = "storage_failed"


class ConfigError(NaesilError):
    code = "config_error"
