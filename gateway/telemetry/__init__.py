"""The view inside: one line per request, metrics, and traces if they are wanted.

Nothing here holds what a caller sent as a value. What is logged, counted and traced is a route's template,
an operation's name if the operator knows it, numbers, names of our own, and ids that cannot be anything
personal.

- `entry`: what is noted of a request while it runs
- `access`: the middleware that makes an entry, and at the end a line and a count of it
- `logs`: how lines look, those of libraries too
- `metrics`: what is counted, and the port where that can be read
- `watching`: what the database's driver and the dispatchers tell
- `traces`: spans, imported only where they are switched on
- `view`: all of it together, as the application gets it
"""

import os
from tempfile import TemporaryFile

REQUEST_ID = "X-CAP-REQUEST-ID"


def _drop_unusable_directory() -> str | None:
    """Unset PROMETHEUS_MULTIPROC_DIR if it is not a directory to write to; returns what is wrong with it.

    Otherwise the import of prometheus_client would fail, and with it every command.
    """
    problem = None
    for variable in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        directory = os.environ.get(variable)
        if directory is not None:
            try:
                TemporaryFile(dir=directory or os.devnull).close()
            except OSError as error:
                problem = f"{variable} is {directory!r}: {error.strerror}."
                del os.environ[variable]
    return problem


UNUSABLE_DIRECTORY = _drop_unusable_directory()
