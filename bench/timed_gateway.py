"""`promo-gateway` with a metric of its longest collection: `python -m bench.timed_gateway serve …`."""

import gc
import time

from prometheus_client import Gauge

from gateway.commands.main import main

METRIC = "bench_longest_collection_seconds"


class _Collections:
    """Times each collection after the one at start, whose survivors are frozen.

    The time is that of the CPU: a busy machine may stop a thread in the middle of a collection.
    """

    def __init__(self) -> None:
        self._longest = Gauge(METRIC, "The CPU time of the longest garbage collection.")
        self._seconds = self._started = 0.0

    def note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._started = time.thread_time()
        elif gc.get_freeze_count():
            self._seconds = max(self._seconds, time.thread_time() - self._started)
            self._longest.set(self._seconds)


if __name__ == "__main__":
    gc.callbacks.append(_Collections().note)
    main()
