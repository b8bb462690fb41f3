"""What an operator can see: a log line for each request, metrics, and traces if they are switched on.

None of them holds a value that a caller sent. They hold the template of a route, the name of an operation in
the operator's manifest, numbers, names of our own, and ids of a form that fits nothing personal.
"""

import multiprocessing
import os

REQUEST_ID = "X-CAP-REQUEST-ID"

# prometheus_client counts in files where it finds one of these variables, and fails if it cannot write there.
# Only the gateway itself sets it, for its workers.
if multiprocessing.current_process().name == "MainProcess":
    for _variable in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        os.environ.pop(_variable, None)
