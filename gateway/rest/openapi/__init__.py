"""The OpenAPI document of the REST routes, made of the tables that the code runs on.

- `shapes`: bodies. The summary's from the GraphQL schema, whose fields it shares; those of requests from the
  structs that decode them.
- `refusals`: errors, from `gateway.errors.ERRORS`, each with the status that it has under these settings.
- `document`: the routes, and the endpoint that serves them described.
"""

from gateway.rest.openapi.document import OPENAPI_PATH, OpenAPIEndpoint

__all__ = ["OPENAPI_PATH", "OpenAPIEndpoint"]
