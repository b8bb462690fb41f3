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
    # A machine that is gone does not even refuse a connection.
    "connectTimeoutMS": 2_000,
    # The monitor gives up on a server that was silent for this long and `connectTimeoutMS`. The driver then
    # ends the commands that wait for the server.
    "heartbeatFrequencyMS": 2_000,
    "maxPoolSize": POOL_SIZE,
    # A command that met a dying server is sent again while its deadline allows; a write is sent with a number
    # by which the server knows it again.
    "retryReads": True,
    "retryWrites": True,
}


def options(uri: str, server_seconds: int) -> dict[str, Any]:
    """The driver's options besides those of the connection string, which win."""
    named = uri.lower()
    ours = {**_OPTIONS, "serverSelectionTimeoutMS": server_seconds * 1_000}
    return {
        # Whatever the connection string says: an acknowledged write is not lost.
        "w": "majority",
        "appname": "promo-gateway",
        **{name: value for name, value in ours.items() if f"{name}=".lower() not in named},
    }
