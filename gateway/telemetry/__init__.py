"""What an operator can see: a log line for each request, metrics, and traces if they are switched on.

None of them holds a value that a caller sent. They hold the template of a route, the name of an operation in
the operator's manifest, numbers, names of our own, and ids of a form that fits nothing personal.

- `access_log`: the middleware that logs and counts each request
- `request_log`: what is known about the current request
- `logs`: the form of log lines, and how they are written
- `metrics`: the metrics, and the port that Prometheus reads
- `instrumentation`: metrics of the database driver and of the dispatchers
- `traces`: OpenTelemetry spans; imported only if traces are switched on
- `setup`: all of this for one application
"""

import os
from tempfile import TemporaryFile

REQUEST_ID = "X-CAP-REQUEST-ID"


def _drop_unusable_directory() -> str | None:
    """Unset PROMETHEUS_MULTIPROC_DIR if it is not a writable directory; returns what is wrong with it.

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
