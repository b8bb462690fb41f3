"""What an operator can see: a log line for each request, metrics, and traces if they are switched on.

None of them holds a value that a caller sent. They hold the template of a route, the name of an operation in
the operator's manifest, numbers, names of our own, and ids in a form that no personal data has.

- `access_log`: the middleware that logs and counts each request
- `current_request`: the facts of the current request
- `logs`: the form of log lines, and how they are written
- `metrics`: the metrics, and the port that Prometheus reads
- `traces`: OpenTelemetry spans; imported only if traces are switched on
- `setup`: all of this for one application
"""

import multiprocessing
import os

REQUEST_ID = "X-CAP-REQUEST-ID"

# If one of these variables is set, prometheus_client counts in files, and fails if it cannot write them. Only
# the gateway itself sets one, for its workers.
if multiprocessing.current_process().name == "MainProcess":
    for _variable in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        os.environ.pop(_variable, None)
