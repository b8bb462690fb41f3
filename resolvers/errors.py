"""What can be wrong with a request for an action summary, in the order in which it is checked.

    SummaryError
    ├── SourceMissing
    ├── SourceInvalid
    ├── IdentifierMissing
    ├── IdentifierNameInvalid
    ├── ParametersInsufficient
    ├── CustomerNotFound
    ├── PromotionNotFound
    └── PromotionInOtherProgram

How each of them looks to a caller is decided by `gateway.errors`.
"""


class SummaryError(Exception):
    """The request cannot be answered, and the caller can mend that."""


class SourceMissing(SummaryError):
    """No source was given."""


class SourceInvalid(SummaryError):
    """The source is not one of the known ones."""


class IdentifierMissing(SummaryError):
    """The identifier's name or its value was not given."""


class IdentifierNameInvalid(SummaryError):
    """The identifier's name is not one of the known ones."""


class ParametersInsufficient(SummaryError):
    """The programme is missing or not a number, or no promotion was named."""


class CustomerNotFound(SummaryError):
    """No customer of the organisation has this identifier."""


class PromotionNotFound(SummaryError):
    """The organisation has no such promotion, or id and identifier name different ones."""


class PromotionInOtherProgram(SummaryError):
    """The promotion belongs to another programme than the one that was named."""
