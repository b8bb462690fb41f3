"""Wrong requests to the original REST call, with their errors."""

_INSUFFICIENT = "Insufficient parameters passed, program id and one of promotion id/identifier are required."
_PROMOTION_DATA = "Error fetching promotion data. Verify programs/promotionIdentifier passed."

# Changes to the documented request (None removes a parameter), code, message, status in `semantic` mode.
WRONG_REQUESTS: list[tuple[dict[str, str | None], int, str, int]] = [
    ({"source": None}, 8001, "Lookup failed, No source passed", 400),
    ({"source": ""}, 8001, "Lookup failed, No source passed", 400),
    ({"source": "SHOP"}, 8003, "Invalid source", 400),
    ({"source": "IN\u017fTORE"}, 8003, "Invalid source", 400),
    ({"source": "FACEBOO\u212a"}, 8003, "Invalid source", 400),
    ({"identifierName": None}, 8002, "Lookup failed, No identifiers passed", 400),
    ({"identifierName": ""}, 8002, "Lookup failed, No identifiers passed", 400),
    ({"identifierValue": None}, 8002, "Lookup failed, No identifiers passed", 400),
    ({"identifierName": "email"}, 8013, "Lookup,Invalid identifier passed", 400),
    ({"programId": None}, 8883, _INSUFFICIENT, 400),
    ({"programId": "1.0"}, 8883, _INSUFFICIENT, 400),
    ({"promotionId": None}, 8883, _INSUFFICIENT, 400),
    ({"identifierValue": "0"}, 8015, "Customer not found for the given identifiers", 404),
    ({"promotionId": "1"}, 8874, "promotion id passed is invalid", 404),
    ({"promotionId": "x"}, 8874, "promotion id passed is invalid", 404),
    ({"programId": "1"}, 8105, _PROMOTION_DATA, 409),
    # The order of the checks.
    ({"source": None, "identifierName": None}, 8001, "Lookup failed, No source passed", 400),
    ({"source": "x", "identifierName": None}, 8003, "Invalid source", 400),
    ({"identifierName": "x", "identifierValue": None}, 8002, "Lookup failed, No identifiers passed", 400),
    ({"identifierName": "x", "programId": None}, 8013, "Lookup,Invalid identifier passed", 400),
]
