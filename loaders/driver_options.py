"""The options of the connection to MongoDB, each set on purpose."""

from typing import Any

# A dispatcher keeps few commands of an organisation in flight, and a few more while some are late. Logins,
# events and the readiness probe come on top.
POOL_SIZE = 50
# How long a command waits for a server: short enough to say so well before a request's deadline, or else
# long enough for an election.
REQUEST_SERVER_SECONDS, PATIENT_SERVER_SECONDS = 2, 30
# For work without a deadline, such as an import: a command that the network swallowed ends at last.
SOCKET_SECONDS = 30

# An option that the connection string names keeps the value of the string.
_OPTIONS: dict[str, Any] = {
    # A machine that is gone does not even refuse.
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


def options(uri: str, *, server_seconds: int, socket_seconds: int | None) -> dict[str, Any]:
    """The driver's options besides those of the connection string; no `socket_seconds` means no limit."""
    named = uri.lower()
    timeouts = {
        "serverSelectionTimeoutMS": server_seconds * 1_000,
        "socketTimeoutMS": None if socket_seconds is None else socket_seconds * 1_000,
    }
    return {
        # Whatever the connection string says: an acknowledged write is not lost.
        "w": "majority",
        "appname": "promo-gateway",
        **{
            name: value for name, value in {**_OPTIONS, **timeouts}.items() if f"{name}=".lower() not in named
        },
    }
