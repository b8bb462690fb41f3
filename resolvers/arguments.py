"""The arguments of an action summary: their values, and the checks that need no database.

Missing, empty and null arguments are the same. Ids are ASCII digits within 64 bits.
"""

import enum

import strawberry

from loaders.customers import CustomerIdentifier
from loaders.enums import IdentifierName
from loaders.promotions import PromotionReference
from resolvers.errors import IdentifierMissing, ParametersInsufficient, SourceMissing

_LARGEST_ID = 2**63 - 1
NOT_AN_ID = f"takes digits only, up to {_LARGEST_ID}."


@strawberry.enum(description="The system that the identifier of the customer comes from.")
class CustomerSource(enum.Enum):
    INSTORE = strawberry.enum_value("INSTORE", description="A physical store.")
    FACEBOOK = strawberry.enum_value("FACEBOOK", description="Facebook.")
    WEB_ENGAGE = strawberry.enum_value("WEB_ENGAGE", description="WebEngage.")
    WECHAT = strawberry.enum_value("WECHAT", description="WeChat.")
    MARTJACK = strawberry.enum_value("MARTJACK", description="MartJack.")
    TMALL = strawberry.enum_value("TMALL", description="Tmall.")
    TAOBAO = strawberry.enum_value("TAOBAO", description="Taobao.")
    JD = strawberry.enum_value("JD", description="JD.")
    ECOMMERCE = strawberry.enum_value("ECOMMERCE", description="An e-commerce platform.")
    WEBSITE = strawberry.enum_value("WEBSITE", description="A website.")
    LINE = strawberry.enum_value("LINE", description="LINE.")
    MOBILE_APP = strawberry.enum_value("MOBILE_APP", description="A mobile app.")


@strawberry.enum(description="The kind of identifier that a customer is looked up by.")
class CustomerIdentifierName(enum.Enum):
    MOBILE = strawberry.enum_value(
        "mobile", description="A mobile number with its country code, in digits only."
    )
    ID = strawberry.enum_value("id", description="The id of the customer in the loyalty platform.")
    EXTERNAL_ID = strawberry.enum_value("externalId", description="The id of the customer in another system.")


def check_summary(
    customer: CustomerIdentifier,
    program_id: str | None,
    promotion_id: str | None,
    promotion_identifier: str | None,
) -> tuple[int, PromotionReference | None]:
    """The programme and the promotion of a summary; None for a promotion id that is no number.

    If both promotion arguments are given, the promotion is looked up by its id. Raises `IdentifierMissing` or
    `ParametersInsufficient`, in this order.
    """
    if not customer.value:
        raise IdentifierMissing("identifierValue is empty.")
    program = parse_id(program_id)
    if program is None:
        raise ParametersInsufficient(f"programId {NOT_AN_ID}" if program_id else "programId is missing.")
    if promotion_id:
        number = parse_id(promotion_id)
        return program, None if number is None else PromotionReference("promotionId", number)
    if promotion_identifier:
        return program, PromotionReference("promotionIdentifier", promotion_identifier)
    raise ParametersInsufficient("promotionId or promotionIdentifier is required.")


def check_customer(
    source: CustomerSource | None, name: CustomerIdentifierName | None, value: str | None
) -> CustomerIdentifier | None:
    """The identifier, or None if all its arguments are missing.

    Raises `SourceMissing` or `IdentifierMissing`, in this order, if some are missing.
    """
    if source is None and name is None and not value:
        return None
    if source is None:
        raise SourceMissing("source is missing.")
    if name is None or not value:
        raise IdentifierMissing("identifierName is missing." if value else "identifierValue is missing.")
    return CustomerIdentifier(source.name, IdentifierName[name.name], value)


def parse_id(digits: str | None) -> int | None:
    """The 64-bit id that `digits` represents, or None if it represents none."""
    # `int` also accepts signs, blanks, underscores and other scripts' digits, and refuses long texts.
    if not digits or not (digits.isascii() and digits.isdigit()) or len(digits.lstrip("0")) > 19:
        return None
    number = int(digits.lstrip("0") or "0")
    return number if number <= _LARGEST_ID else None
