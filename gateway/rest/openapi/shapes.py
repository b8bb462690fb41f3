"""The JSON Schemas of bodies and parameters."""

from typing import Any, get_type_hints

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)

from gateway.ingest.notifications import READERS
from gateway.ingest.payloads import Envelope, EventHeader
from gateway.rest.tokens import TokenRequest
from loaders.enums import IdentifierName
from resolvers.arguments import CustomerSource

MOBILE, PROGRAM, PROMOTION_ID = "919078345795", 2568, 2000065

Schema = dict[str, Any]

SUMMARY = "CustomerPromotionActionSummary"
REFERENCE = "#/components/schemas/{name}"

TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "integer", "format": "int64", "minimum": 0}
_LEAVES: dict[str, Schema] = {
    "Int": {"type": "integer", "format": "int64"},
    "String": TEXT,
    "Decimal": {"type": "number", "description": "Exact, with three fraction digits: `600.000`."},
    "DateTime": {"type": "string", "format": "date-time"},
}

# Of the summary's parameters, those that find the customer come first.
_CUSTOMER: dict[str, Schema] = {
    "source": {"type": "string", "enum": [source.name for source in CustomerSource]},
    "identifierName": {"type": "string", "enum": [name.value for name in IdentifierName]},
    "identifierValue": {"type": "string", "minLength": 1, "examples": [MOBILE]},
}
_PARAMETERS: dict[str, Schema] = {
    **_CUSTOMER,
    "programId": _ID,
    "promotionId": {"type": "string", "pattern": "^[0-9]+$"},
    "promotionIdentifier": {"type": "string", "minLength": 1},
}
# What the demo knows; one of the last two is enough. A viewer fills them in.
_EXAMPLES: Schema = {
    "source": "INSTORE",
    "identifierName": IdentifierName.MOBILE.value,
    "identifierValue": MOBILE,
    "programId": PROGRAM,
    "promotionId": str(PROMOTION_ID),
}


def reference(name: str) -> Schema:
    return {"$ref": REFERENCE.format(name=name)}


def record(properties: dict[str, Schema], **more: Any) -> Schema:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


TOKEN_SCHEMAS: dict[str, Schema] = {
    "TokenAnswer": record(
        {
            "data": record({"accessToken": TEXT, "ttlSeconds": {"type": "integer"}}),
            "errors": {"type": "null"},
        }
    ),
    "PublicKeys": record(
        {
            "keys": {
                "type": "array",
                "items": record(
                    dict.fromkeys(("kty", "n", "e", "kid", "use", "alg"), TEXT)
                    | {"key_ops": {"const": ["verify"]}}
                ),
            }
        }
    ),
}


def parameters(schema: GraphQLSchema) -> list[Schema]:
    """The query parameters of the summary, which are the arguments of the GraphQL field."""
    assert schema.query_type is not None, "the schema has a query type"
    arguments = schema.query_type.fields["customerPromotionActionSummary"].args
    return [
        {
            "name": name,
            "in": "query",
            "required": is_non_null_type(argument.type),
            "description": argument.description,
            "schema": _PARAMETERS[name],
            **({"example": _EXAMPLES[name]} if name in _EXAMPLES else {}),
        }
        for name, argument in arguments.items()
    ]


def summary_schemas(schema: GraphQLSchema) -> dict[str, Schema]:
    """The summary and what it is made of, by name."""
    found: dict[str, Schema] = {}
    waiting = [SUMMARY]
    while waiting:
        type_ = schema.type_map[waiting.pop()]
        if isinstance(type_, GraphQLEnumType):
            found[type_.name] = {
                "type": "string",
                "enum": list(type_.values),
                "description": type_.description,
            }
        elif isinstance(type_, GraphQLObjectType):
            found[type_.name] = _object(type_)
            named = [get_named_type(field.type).name for field in type_.fields.values()]
            waiting += [name for name in named if name not in {*_LEAVES, "ID", *found}]
    # As an error does, a warning says what it is not.
    warning = found["Warning"]
    found["Warning"] = {**warning, **record({"status": {"const": False}, **warning["properties"]})}
    return found


def request_schemas() -> dict[str, Schema]:
    """The bodies of requests and what they are made of, by name."""
    data_types = {name: type_ for name, (type_, _) in READERS.items()}
    structs = [TokenRequest, EventHeader, Envelope, *data_types.values()]
    _, as_strings = msgspec.json.schema_components(structs, ref_template=REFERENCE)
    found: dict[str, Schema] = _decimals_as_they_come(as_strings)
    named, envelope = found.pop("EventHeader"), found.pop("Envelope")
    found["TokenRequest"]["properties"]["customer"] = {
        "anyOf": [record(_CUSTOMER, description="The one customer."), {"type": "null"}]
    }
    known = [
        _notification(name, named, envelope, reference(type_.__name__)) for name, type_ in data_types.items()
    ]
    other = {"properties": {"eventName": {"not": {"enum": list(data_types)}}}}
    found["Notification"] = {"anyOf": [*known, {**named, "allOf": [other], "title": "Any other event"}]}
    return found


def _object(type_: GraphQLObjectType) -> Schema:
    hints = get_type_hints(type_.extensions["strawberry-definition"].origin)
    properties = {
        name: _field(field, hints.get(field.extensions["strawberry-definition"].python_name))
        for name, field in type_.fields.items()
    }
    return record(properties, description=type_.description)


def _field(field: GraphQLField, hint: object) -> Schema:
    name = get_named_type(field.type).name
    # GraphQL's ids are all strings; those of the original API are numbers where ours are.
    id_ = _ID if hint is int else TEXT
    value = {**_LEAVES, "ID": id_}.get(name) or reference(name)
    if is_list_type(get_nullable_type(field.type)):
        value = {"type": "array", "items": value}
    return {"description": field.description, **value}


def _notification(name: str, named: Schema, envelope: Schema, data: Schema) -> Schema:
    properties = {**named["properties"], **envelope["properties"]}
    return {
        "type": "object",
        "title": name,
        "properties": {**properties, "eventName": {"const": name}, "data": data},
        "required": named["required"] + envelope["required"],
    }


def _decimals_as_they_come(schema: Any) -> Any:
    # msgspec calls a Decimal a string. It decodes a number as well, and without losing a digit.
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {"type": ["number", "string"]}
        return {key: _decimals_as_they_come(value) for key, value in schema.items()}
    return [_decimals_as_they_come(item) for item in schema] if isinstance(schema, list) else schema
