"""ASGI middleware that protects the APIs: from too many and too long requests, and from browsers' pages."""
