"""The words of the data: the values that documents, keys and rights are made of."""

from enum import StrEnum

# In characters: of what the database knows by a name, and of a client's id. What is longer is not there.
LONGEST_NAME = 1024
LONGEST_CLIENT_ID = 255


class Benefit(StrEnum):
    """The four kinds of things that a promotion can give."""

    POINTS = "POINTS"
    ALTERNATE_CURRENCY = "ALTERNATE_CURRENCY"
    REWARD = "REWARD"
    BADGE = "BADGE"


class IssuanceType(StrEnum):
    """How points and currencies were issued, in the order in which an answer lists them."""

    REGULAR = "REGULAR"
    PROMISED = "PROMISED"
    EXTERNAL_TRIGGER_BASED = "EXTERNAL_TRIGGER_BASED"


class IdentifierName(StrEnum):
    """By what a customer can be looked up."""

    MOBILE = "mobile"
    ID = "id"
    EXTERNAL_ID = "externalId"


class PayloadFormat(StrEnum):
    """The format of a pending event: a line of an import, or an event notification."""

    RECORD = "record"
    EVENT = "event"


class ClientKind(StrEnum):
    """How an API client proves who it is."""

    TILL = "till"
    OAUTH = "oauth"


class Resource(StrEnum):
    """What an access group gives rights on."""

    CUSTOMER = "customer"
    PROMOTION = "promotion"
    EVENT = "event"


class Right(StrEnum):
    """What a client may do with a resource; writing includes reading."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
