"""How 50 failed logins a second slow down valid requests: `python -m bench.bad_logins`.

Rounds with and without the attack alternate against one gateway. The ratio of their p99 counts, because the
times themselves depend on the machine. There are three attacks: guesses of one client's password, a new
client id with each guess, and the same from sixty networks.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import httpx

from gateway.auth.credentials import authorization
from gateway.commands.sample_data import MOBILE, PASSWORD, PROGRAM, PROMOTION, TILL
from gateway.rest.action_summary import ACTION_SUMMARY_PATH

PORT = 18099
ROUND_SECONDS = 5
ROUNDS = 4
GOOD_CONNECTIONS = 4
BAD_A_SECOND = 50

URL = f"http://127.0.0.1:{PORT}{ACTION_SUMMARY_PATH}"
PARAMETERS = {
    "source": "INSTORE",
    "identifierName": "mobile",
    "identifierValue": MOBILE,
    "programId": str(PROGRAM),
    "promotionId": str(PROMOTION.promotion_id),
}
# The client id and the address of each guess.
Attack = Iterator[tuple[str, str]]


@contextmanager
def demo() -> Iterator[None]:
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(PORT)]
    variables = {**os.environ, "GATEWAY_TRUSTED_PROXIES": "127.0.0.1"}
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        while b"Ctrl-C" not in process.stdout.readline():
            pass
        yield
    finally:
        process.terminate()
        process.wait()


async def good(http: httpx.AsyncClient, until: float, latencies: list[float]) -> None:
    headers = {"Authorization": authorization(TILL, PASSWORD)}
    while time.perf_counter() < until:
        started = time.perf_counter()
        response = await http.get(URL, params=PARAMETERS, headers=headers)
        latencies.append(time.perf_counter() - started)
        assert response.status_code == 200


async def bad(http: httpx.AsyncClient, until: float, attack: Attack, statuses: list[int]) -> None:
    async def one(client_id: str, address: str) -> None:
        headers = {"Authorization": authorization(client_id, "wrong"), "X-Forwarded-For": address}
        statuses.append((await http.get(URL, params=PARAMETERS, headers=headers)).status_code)

    async with asyncio.TaskGroup() as tasks:
        while time.perf_counter() < until:
            tasks.create_task(one(*next(attack)))
            await asyncio.sleep(1 / BAD_A_SECOND)


async def measure(attack: Attack | None) -> tuple[float, list[int]]:
    """The p99 of good requests over one round, in seconds, and the statuses of the bad ones."""
    latencies: list[float] = []
    statuses: list[int] = []
    until = time.perf_counter() + ROUND_SECONDS
    async with httpx.AsyncClient(timeout=30) as http:
        attackers = [] if attack is None else [bad(http, until, attack, statuses)]
        await asyncio.gather(*(good(http, until, latencies) for _ in range(GOOD_CONNECTIONS)), *attackers)
    return statistics.quantiles(latencies, n=100)[-1], statuses


async def compare(name: str, attack: Attack) -> None:
    await measure(None)
    without, under = [], []
    statuses: list[int] = []
    for _ in range(ROUNDS):
        without.append((await measure(None))[0])
        p99, seen = await measure(attack)
        under.append(p99)
        statuses += seen
    ratio = statistics.median(under) / statistics.median(without)
    counted = {status: statuses.count(status) for status in sorted(set(statuses))}
    print(
        f"{name}: p99 {statistics.median(without) * 1000:.1f} ms without, "
        f"{statistics.median(under) * 1000:.1f} ms under attack, ratio {ratio:.2f}; bad logins {counted}"
    )


async def main() -> None:
    with demo():
        await compare("one client guessed", ((TILL, "203.0.113.7") for _ in count()))
        await compare("a new client each time", ((f"guess-{n}", "203.0.113.7") for n in count()))
        await compare("sixty networks", ((f"guess-{n}", f"203.0.{n % 60}.7") for n in count(10**6)))


if __name__ == "__main__":
    asyncio.run(main())
