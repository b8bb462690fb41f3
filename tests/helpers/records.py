"""A sample of each kind of record in an import, and lines with changed samples."""

import json
from typing import Any

ORGANIZATION = {"record": "organization", "orgId": 51135, "name": "Demo", "timeZone": "Asia/Kolkata"}
PROMOTION = {
    "record": "promotion",
    "orgId": 51135,
    "programId": 2568,
    "promotionId": 2000065,
    "promotionIdentifier": "021a",
    "name": "Summer",
}
CUSTOMER = {
    "record": "customer",
    "orgId": 51135,
    "customerId": 387729100,
    "profiles": [{"source": "INSTORE", "identifiers": [{"type": "mobile", "value": "919078345795"}]}],
}
MERGE = {"record": "merge", "orgId": 51135, "victimId": 387729101, "survivorId": 387729100}
ERASURE = {"record": "erasure", "orgId": 51135, "customerId": 387729102}
ISSUANCE = {
    "record": "issuance",
    "orgId": 51135,
    "eventId": "e-1",
    "customerId": 387729100,
    "promotionId": 2000065,
    "benefit": "ALTERNATE_CURRENCY",
    "item": "DocCoin",
    "type": "REGULAR",
    "amount": "700.000",
    "issuedOn": "2025-07-22T17:36:21+05:30",
}


def changed(record: dict[str, Any], **changes: Any) -> str:
    """The record as a line, with some fields changed; None removes a field."""
    fields = {name: value for name, value in {**record, **changes}.items() if value is not None}
    return json.dumps(fields)
