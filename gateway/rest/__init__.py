"""The REST API: the original call, the token endpoint, the events endpoint, and the OpenAPI document."""
