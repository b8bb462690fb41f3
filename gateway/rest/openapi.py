"""The OpenAPI document of the REST API. It is written by hand: `openapi.json` beside this module."""

from pathlib import Path

OPENAPI_PATH = "/openapi.json"
DOCUMENT = Path(__file__).with_suffix(".json").read_bytes()
