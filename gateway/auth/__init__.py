"""Who is calling: credentials in, a `Caller` out.

A caller's organisation comes from its credentials and from nowhere else.
"""

from dataclasses import dataclass

from starlette.datastructures import Headers

from gateway.auth.basic import Tills, read_basic
from loaders.organizations import Organization
from loaders.store import Store, StoreUnavailable


class Unauthenticated(Exception):
    """No credentials, or not good ones."""


class AuthorizationUnavailable(Exception):
    """The credentials could not be checked."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and the one organisation whose data it may see."""

    client_id: str
    organization: Organization


class Authenticator:
    """Checks a request's credentials; one for the life of the application."""

    def __init__(self, store: Store) -> None:
        self._tills = Tills(store)

    async def authenticate(self, headers: Headers) -> Caller:
        """The caller whom these request headers prove; raises one of this module's exceptions."""
        credentials = read_basic(headers.getlist("authorization"))
        if credentials is None:
            raise Unauthenticated
        try:
            client = await self._tills.check(credentials)
        except StoreUnavailable as error:
            raise AuthorizationUnavailable from error
        if client is None:
            raise Unauthenticated
        return Caller(client.id, client.organization)
