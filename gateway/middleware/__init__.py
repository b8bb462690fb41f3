"""ASGI middleware that protects the APIs.

- `admission`: a bound on concurrent requests, and draining at SIGTERM
- `deadline`: a response by the deadline, and an end to work that no client waits for
- `request_head`: what the HTTP server leaves unchecked in the head of a request
- `security_headers`: the response headers that are for browsers
"""
