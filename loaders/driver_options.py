"""The options of the connection to MongoDB, each set on purpose."""

from typing import Any

# A dispatcher keeps few commands of an organisation in flight, and a few more while some are late. Logins,
# events and the readiness probe come on top.
POOL_SIZE = 50
# How long a command waits for a server while none is known. For a request it is short, so that the request is
# answered well before its deadline; for a command of the command line it is longer than an election.
REQUEST_SERVER_SECONDS, COMMAND_SERVER_SECONDS = 2, 30

# There is no `socketTimeoutMS`: it would cut a command that takes the server long, such as `createIndexes`.
# The deadline of a request ends its commands, and the monitor ends those that wait for a silent server.
_OPTIONS: dict[str, Any] = {
    # A machine that is down does not refuse connections: it does not respond at all.
    "connectTimeoutMS": 2_000,
    # The monitor gives up on a server that was silent for this long and `connectTimeoutMS`. The driver then
    # ends the commands that wait for the server.
    "heartbeatFrequencyMS": 2_000,
    "maxPoolSize": POOL_SIZE,
    # If a server fails, the driver sends the command again, as long as its deadline allows. A write has a
    # number by which the server recognises the repetition.
    "retryReads": True,
    "retryWrites": True,
}


def options(uri: str, server_seconds: int) -> dict[str, Any]:
    """The driver's options; the connection string overrides all but `w` and `appname`."""
    named = uri.lower()
    ours = {**_OPTIONS, "serverSelectionTimeoutMS": server_seconds * 1_000}
    return {
        # Never overridden: a failover loses no write that a majority has acknowledged.
        "w": "majority",
        "appname": "promo-gateway",
        **{name: value for name, value in ours.items() if f"{name}=".lower() not in named},
    }
