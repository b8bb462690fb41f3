"""The REST API: the original call, the token endpoint, the events endpoint, and the OpenAPI document.

- `action_summary`: the original `GET …/actionSummary`, whose bytes are frozen
- `tokens`: `POST /v3/oauth/token/generate` and the public keys
- `events`: `POST /v3/events`
- `openapi`: `GET /openapi.json`
"""
