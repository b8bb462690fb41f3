"""The token endpoint of the original API."""

from typing import Annotated

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.auth.callers import require
from gateway.auth.client_addresses import address_of
from gateway.auth.password_check import Passwords
from gateway.auth.tokens import Tokens
from gateway.errors import InvalidClient, Unauthenticated
from gateway.http_headers import require_json
from gateway.rest.action_summary import read_customer
from gateway.telemetry.current_request import current_request_log
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher
from loaders.enums import LONGEST_CLIENT_ID, ClientKind, Resource, Right
from resolvers.errors import CustomerNotFound

TOKEN_PATH = "/v3/oauth/token/generate"
# A token request comes without credentials in its headers, so little of it is read.
TOKEN_REQUEST_BYTES = 8 * 1024
# The path of the public keys that verify the gateway's tokens.
JWKS_PATH = "/.well-known/jwks.json"

Short = Annotated[str, msgspec.Meta(max_length=1024)]


class TokenRequest(msgspec.Struct):
    """The body of a token request; with a `customer`, the token can read only this customer."""

    key: Short
    secret: Short
    customer: dict[Short, Short] | None = None

    def __repr__(self) -> str:
        return f"TokenRequest(key={self.key!r})"


async def generate_token(
    request: Request, *, customers: CustomerDispatcher, passwords: Passwords, tokens: Tokens
) -> Response:
    """Answer a key and its secret with a token."""
    if tokens.signing_key is None:
        raise HTTPException(503, "This gateway has no signing keys: GATEWAY_SIGNING_KEYS is not set.")
    require_json(request)
    asked = _read(await request.body())
    if not 0 < len(asked.key) <= LONGEST_CLIENT_ID or not asked.secret:
        raise InvalidClient(f"key must have 1 to {LONGEST_CLIENT_ID} characters; secret must not be empty.")
    try:
        client = await passwords.check(ClientKind.OAUTH, asked.key, asked.secret, address_of(request))
    except Unauthenticated as error:
        raise InvalidClient from error
    current_request_log().client_id = client.account.id
    customer_id = None
    if asked.customer is not None:
        # Only a client that may read customers can learn whether this one exists.
        require(client.rights, Right.READ, Resource.CUSTOMER, Resource.PROMOTION)
        loader = CustomerByIdentifierLoader(customers, client.organization.id)
        found = await loader.load(read_customer(asked.customer))
        if found is None:
            raise CustomerNotFound
        customer_id = found.customer_id
    token, seconds = tokens.issue(client, customer_id)
    body = {"data": {"accessToken": token, "ttlSeconds": seconds}, "errors": None}
    return Response(json_format.encode(body), media_type=json_format.MEDIA_TYPE)


def _read(body: bytes) -> TokenRequest:
    try:
        return msgspec.json.decode(body, type=TokenRequest)
    except msgspec.ValidationError as error:
        # It names the field and the types, and never quotes a value.
        raise HTTPException(400, f"{error}.") from error
    except json_format.DECODE_ERRORS as error:
        raise HTTPException(400, f"The body is {json_format.explain(body)}.") from error
