"""Large documents and plans are prepared in steps, so that other requests have turns in between.

Parsed, validated and compiled at once, the largest document would stop all other requests for 200 ms.
"""

import re
import time
from asyncio import sleep
from collections.abc import Generator
from typing import TypeVar

from gateway.graphql.limits import MAX_CHARACTERS

# Names of a document, keywords and strings included. To prepare so many takes about 50 ms. A document of 25
# full summaries has about as many.
MAX_SMALL_NAMES = 1_250

T = TypeVar("T")
_NAME = re.compile(r"\w+")


def is_large(document: str) -> bool:
    """Whether a document must be prepared in steps; one that is too long is refused at once."""
    may_be = MAX_SMALL_NAMES < len(document) <= MAX_CHARACTERS
    return may_be and sum(1 for _ in _NAME.finditer(document)) > MAX_SMALL_NAMES


def run(steps: Generator[None, None, T]) -> T:
    """The result of the steps, one immediately after another."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        result: T = end.value
        return result


async def run_fairly(steps: Generator[None, None, T]) -> T:
    """The result of the steps; after each, other requests have as much time as the step took."""
    try:
        while True:
            began = time.perf_counter()
            next(steps)
            await sleep(time.perf_counter() - began)
    except StopIteration as end:
        result: T = end.value
        return result
