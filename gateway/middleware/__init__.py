"""ASGI middleware that protects the APIs.

- `admission`: a bound on concurrent requests, and draining at SIGTERM
- `deadline`: a response by the deadline, and an end to work that no client waits for
- `body_limit`: a bound on the size of a request body
- `security_headers`: the response headers that are for browsers
"""
