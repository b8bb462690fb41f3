"""The values that documents, keys and rights are made of."""

from enum import StrEnum

# In characters: the longest name in the database, and the longest id of a client. Longer ones do not exist.
LONGEST_NAME = 1024
LONGEST_CLIENT_ID = 255


class Benefit(StrEnum):
    """The four kinds of benefits that a promotion can give."""

    POINTS = "POINTS"
    ALTERNATE_CURRENCY = "ALTERNATE_CURRENCY"
    REWARD = "REWARD"
    BADGE = "BADGE"


class IssuanceType(StrEnum):
    """How points and currencies were issued, in the order in which a response lists them."""

    REGULAR = "REGULAR"
    PROMISED = "PROMISED"
    EXTERNAL_TRIGGER_BASED = "EXTERNAL_TRIGGER_BASED"


class IdentifierName(StrEnum):
    """The kinds of identifiers by which a customer can be looked up."""

    MOBILE = "mobile"
    ID = "id"
    EXTERNAL_ID = "externalId"


class PayloadFormat(StrEnum):
    """The format of a pending event: a line of an import, or an event notification."""

    RECORD = "record"
    EVENT = "event"


class ClientKind(StrEnum):
    """How an API client authenticates: as a POS client, which the vendor calls a till, or by OAuth."""

    TILL = "till"
    OAUTH = "oauth"


class Resource(StrEnum):
    """The resources on which an access group grants rights."""

    CUSTOMER = "customer"
    PROMOTION = "promotion"
    EVENT = "event"


class Right(StrEnum):
    """What a client may do with a resource; writing includes reading."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
