"""The errors of a request for an action summary, in the order of the checks.

    SummaryError
    ├── SourceMissing
    ├── SourceInvalid
    ├── IdentifierMissing
    ├── IdentifierNameInvalid
    ├── ParametersInsufficient
    ├── ArgumentInvalid
    ├── CustomerNotFound
    ├── PromotionNotFound
    └── PromotionInOtherProgram

`gateway.errors` has the code and the message of each.
"""


class SummaryError(Exception):
    """The request cannot be answered as it is; `reason` says what is wrong, without the input."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class SourceMissing(SummaryError):
    """The source is missing."""


class SourceInvalid(SummaryError):
    """The source is none of the enum's values."""


class IdentifierMissing(SummaryError):
    """The name or the value of the identifier is missing."""


class IdentifierNameInvalid(SummaryError):
    """The name of the identifier is none of the enum's values."""


class ParametersInsufficient(SummaryError):
    """The programme is missing or not a number, or both promotion arguments are missing."""


class ArgumentInvalid(SummaryError):
    """An argument of a list or a page cannot be used."""


class CustomerNotFound(SummaryError):
    """No customer of the organisation has this identifier."""


class PromotionNotFound(SummaryError):
    """The organisation has no such promotion, or the two promotion arguments name different ones."""


class PromotionInOtherProgram(SummaryError):
    """The promotion belongs to another programme."""
