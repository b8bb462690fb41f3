"""An assertion about the response of a probe."""

import httpx


def assert_health(response: httpx.Response, code: int, status: str) -> None:
    assert (response.status_code, response.json()) == (code, {"status": status})
    assert response.headers["cache-control"] == "no-store"
