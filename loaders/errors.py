"""What can go wrong with the store, drawn:

StoreUnavailable
└── DeadlineExceeded
StoreMisconfigured
IndexDiffers
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


class IndexDiffers(Exception):
    """The database has an index of this name with other keys or options; the message is one line."""

    def __init__(self, collection: str, index: str) -> None:
        super().__init__(
            f"The index {index} of {collection} has other keys or options: drop it and run init-db again."
        )


class AlreadyExists(ValueError):
    """A document with this `_id` is already there."""
