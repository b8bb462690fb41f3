"""ASGI middleware that protects the APIs.

- `admission`: a bound on concurrent requests, and draining at SIGTERM
- `deadline`: a response by the deadline, and an end to work for a client that is gone
- `request_head`: what the HTTP server leaves unchecked in the head of a request
- `response_headers`: the headers of all responses, for browsers
"""
