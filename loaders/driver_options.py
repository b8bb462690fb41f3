"""How the gateway is connected to MongoDB: each option set on purpose."""

from typing import Any

# A dispatcher keeps few commands of an organisation under way, a few more while some are late; logins, events
# and the readiness probe come on top.
POOL_SIZE = 50

# An option that the connection string names is left as it is there.
_OPTIONS: dict[str, Any] = {
    # For a server to appear where none is known; short enough to say so well before a request's deadline.
    "serverSelectionTimeoutMS": 2_000,
    # A machine that is gone does not even refuse.
    "connectTimeoutMS": 2_000,
    # The monitor gives a server up that was silent for this long and `connectTimeoutMS`; the driver then ends
    # the commands that wait for it.
    "heartbeatFrequencyMS": 2_000,
    # For work without a deadline, such as an import: what the network swallowed ends at last.
    "socketTimeoutMS": 30_000,
    "maxPoolSize": POOL_SIZE,
    # What met a dying server is sent again while its deadline allows; a write, under the number by which the
    # server knows it again.
    "retryReads": True,
    "retryWrites": True,
}


def options(uri: str) -> dict[str, Any]:
    """The driver's options beside what the connection string itself says."""
    named = uri.lower()
    return {
        # Whatever the connection string says: what was acknowledged is not lost.
        "w": "majority",
        "appname": "promo-gateway",
        **{name: value for name, value in _OPTIONS.items() if f"{name}=".lower() not in named},
    }
