"""What can go wrong with the store, drawn:

StoreUnavailable
└── DeadlineExceeded
StoreMisconfigured
AlreadyExists
"""


class StoreUnavailable(Exception):
    """The database is away, too slow, or refused the command: the data could not be read or written."""


class DeadlineExceeded(StoreUnavailable):
    """The data was not there when the deadline of whoever asked passed."""

    def __init__(self, reason: str = "the deadline passed") -> None:
        super().__init__(reason)


class StoreMisconfigured(ValueError):
    """The connection string or the database name cannot be used."""


class AlreadyExists(ValueError):
    """A document with this `_id` is already there."""
