"""The collections: the schema of their documents, and the indexes that their queries need.

The server enforces the schema, so it holds no document that the gateway cannot read. `database_setup` creates
the collections and indexes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from loaders.enums import Benefit, ClientKind, IdentifierName, IssuanceType, PayloadFormat, Resource, Right

JSONSchema = dict[str, Any]


class Index(NamedTuple):
    """An index over fields in ascending order; `options` are MongoDB's."""

    name: str
    fields: tuple[str, ...]
    options: Mapping[str, Any] = {}

    @property
    def keys(self) -> list[tuple[str, int]]:
        return [(field, 1) for field in self.fields]


class Collection(NamedTuple):
    """A collection's name, the JSON schema of its documents, and its indexes besides `_id`.

    `condition` is a query that every document must match as well, for rules that a schema cannot express.
    """

    name: str
    schema: JSONSchema
    indexes: tuple[Index, ...] = ()
    condition: Mapping[str, Any] = {}

    @property
    def validator(self) -> dict[str, Any]:
        return {"$jsonSchema": self.schema, **self.condition}


_UNIQUE = {"unique": True}
_LONG: JSONSchema = {"bsonType": "long"}
_LONGS: JSONSchema = {"bsonType": "array", "items": _LONG}
_TEXT: JSONSchema = {"bsonType": "string"}
_NAME: JSONSchema = {"bsonType": "string", "minLength": 1}
_DATE: JSONSchema = {"bsonType": "date"}
# A document that an event wrote has the event's `createdAt`: an older event never overwrites a newer one.
_AS_OF = frozenset({"createdAt"})


def _document(optional: frozenset[str] = frozenset(), /, **properties: JSONSchema) -> JSONSchema:
    """The schema of a document with these fields, of which it may lack the `optional` ones."""
    return {
        "bsonType": "object",
        "required": [name for name in properties if name not in optional],
        "properties": {"_id": {}, **properties},
        "additionalProperties": False,
    }


def _one_of(values: type[StrEnum]) -> JSONSchema:
    return {"enum": [value.value for value in values]}


# Which of these an issuance has depends on its benefit.
_BY_BENEFIT = "item", "type", "amount"


def _issued(benefits: list[str], *fields: str) -> JSONSchema:
    """The schema of an issuance of these benefits, which has these fields of `_BY_BENEFIT` and no others."""
    others = [{"required": [name]} for name in _BY_BENEFIT if name not in fields]
    unwanted = {"not": {"anyOf": others}} if others else {}
    return {"properties": {"benefit": {"enum": benefits}}, "required": list(fields), **unwanted}


ORGANIZATIONS = Collection("organizations", _document(_id=_LONG, name=_TEXT, timeZone=_NAME))

PROMOTIONS = Collection(
    "promotions",
    _document(
        _AS_OF | {"promotionIdentifier"},
        orgId=_LONG,
        programId=_LONG,
        promotionId=_LONG,
        promotionIdentifier=_NAME,
        name=_TEXT,
        createdAt=_DATE,
    ),
    (
        Index("by_id", ("orgId", "promotionId"), _UNIQUE),
        Index("by_program", ("orgId", "programId", "promotionId")),
        Index(
            "by_identifier",
            ("orgId", "promotionIdentifier"),
            {**_UNIQUE, "partialFilterExpression": {"promotionIdentifier": {"$gt": ""}}},
        ),
    ),
)

CUSTOMER_IDENTIFIERS = Collection(
    "customer_identifiers",
    _document(
        _AS_OF | {"mergedIds"},
        orgId=_LONG,
        source=_NAME,
        name=_one_of(IdentifierName),
        value=_NAME,
        customerId=_LONG,
        # The customers that were merged into this one.
        mergedIds=_LONGS,
        createdAt=_DATE,
    ),
    (
        Index("by_identifier", ("orgId", "source", "name", "value"), _UNIQUE),
        Index("by_customer", ("orgId", "customerId")),
    ),
)

CUSTOMER_STATUSES = Collection(
    "customer_statuses",
    _document(
        frozenset({"survivorId", "victimIds", "erased"}),
        _id=_NAME,
        orgId=_LONG,
        customerId=_LONG,
        survivorId=_LONG,
        victimIds=_LONGS,
        erased={"bsonType": "bool"},
    ),
)

ISSUANCES = Collection(
    "issuances",
    {
        **_document(
            frozenset(_BY_BENEFIT),
            _id=_NAME,
            orgId=_LONG,
            customerId=_LONG,
            promotionId=_LONG,
            # Both ids in one field: one `$in` names exactly the requested pairs.
            customerPromotion=_NAME,
            benefit=_one_of(Benefit),
            item=_NAME,
            type=_one_of(IssuanceType),
            amount={"bsonType": "decimal"},
            issuedOn=_DATE,
        ),
        "oneOf": [
            _issued(["POINTS"], "type", "amount"),
            _issued(["ALTERNATE_CURRENCY"], *_BY_BENEFIT),
            _issued(["REWARD", "BADGE"], "item"),
        ],
    },
    (
        # Holds all fields that the aggregation reads: those of the match, of the group, and of the sums.
        Index(
            "by_customer_promotion",
            ("orgId", "customerPromotion", "benefit", "item", "type", "issuedOn", "amount"),
        ),
    ),
    {
        "$expr": {
            "$eq": [
                "$customerPromotion",
                {"$concat": [{"$toString": "$customerId"}, ":", {"$toString": "$promotionId"}]},
            ]
        },
        # Excludes NaN and the infinities too.
        "$or": [{"amount": {"$exists": False}}, {"amount": {"$gt": 0, "$lt": Decimal(10**24)}}],
        # Years that every time zone and Python can show.
        "issuedOn": {"$gte": datetime(1973, 1, 1, tzinfo=UTC), "$lt": datetime(9999, 1, 1, tzinfo=UTC)},
    },
)

API_CLIENTS = Collection(
    "api_clients",
    _document(
        _id=_NAME,
        name=_NAME,
        kind=_one_of(ClientKind),
        orgId=_LONG,
        group=_NAME,
        ttlSeconds={"bsonType": "long", "minimum": 0, "maximum": 3600},
        secretHash={"bsonType": "string", "pattern": r"^\$argon2id\$"},
        # Rotating the secret increments it, which ends the tokens that were issued before.
        generation=_LONG,
        disabled={"bsonType": "bool"},
    ),
)

ACCESS_GROUPS = Collection(
    "access_groups", _document(_id=_NAME, **{resource: _one_of(Right) for resource in Resource})
)

PENDING_EVENTS = Collection(
    "pending_events",
    _document(
        frozenset({"customerIds"}),
        _id=_NAME,
        orgId=_LONG,
        eventId=_NAME,
        format=_one_of(PayloadFormat),
        payload=_NAME,
        reason=_NAME,
        promotionIdentifiers={"bsonType": "array", "items": _NAME},
        customerIds=_LONGS,
        receivedOn=_DATE,
        expireOn=_DATE,
    ),
    (
        Index("by_promotion", ("orgId", "promotionIdentifiers")),
        Index("by_customer", ("orgId", "customerIds")),
        Index("by_reason", ("reason",)),
        Index("expiry", ("expireOn",), {"expireAfterSeconds": 0}),
    ),
)

COLLECTIONS = (
    ORGANIZATIONS,
    PROMOTIONS,
    CUSTOMER_IDENTIFIERS,
    CUSTOMER_STATUSES,
    ISSUANCES,
    PENDING_EVENTS,
    API_CLIENTS,
    ACCESS_GROUPS,
)


def customer_promotion(customer_id: int, promotion_id: int) -> str:
    """The field `customerPromotion` of an issuance."""
    return f"{customer_id}:{promotion_id}"
