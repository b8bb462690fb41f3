"""The errors of the store:

StoreUnavailable
└── DeadlineExceeded
StoreMisconfigured
AlreadyExists
SummaryTooLarge
"""


class StoreUnavailable(Exception):
    """The database did not answer in time or refused a command.

    The message names what failed, and never a value: the text of the driver's error may quote data.
    """


class DeadlineExceeded(StoreUnavailable):
    """The deadline of the request passed before the data arrived."""

    def __init__(self, reason: str = "the deadline passed") -> None:
        super().__init__(reason)


class StoreMisconfigured(ValueError):
    """The connection string or the database name cannot be used."""


class AlreadyExists(ValueError):
    """A unique index holds a document with the same values."""


class SummaryTooLarge(Exception):
    """A summary, or a page of summaries, has more rows than are read at once; `reason` says how many."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of an error and of all errors behind it.

    Their frames refer to the errors: a reference cycle, which would wait for the garbage collector.
    """
    found: list[BaseException | None] = [error]
    seen: set[int] = set()
    while found:
        if (one := found.pop()) is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            found += [getattr(one, "original_error", None), one.__cause__, one.__context__]
