"""The REST API.

- `action_summary`: the original call
- `tokens`, `events`: the token endpoint and the events endpoint
- `openapi`: the OpenAPI document, `openapi.json`
- `error_responses`: renders the errors of all of them
"""
