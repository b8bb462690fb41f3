"""Authentication: the credentials of a request in, a `Caller` out. No endpoints.

- `credentials`: reads them from the headers of a request
- `authenticator`: chooses the check for them, and remembers the caller
- `password_check`, `password_queue`: the secrets of clients, checked one at a time in a fair order
- `client_addresses`: the network that a failed login counts for
- `tokens`: signs and checks the tokens of this gateway
- `oidc`: checks the tokens of an external issuer
- `callers`: callers and their rights
"""
