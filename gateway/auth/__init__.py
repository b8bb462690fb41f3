"""Authentication: the credentials of a request in, a `Caller` out. No endpoints."""
