"""The types of an action summary."""

import enum
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

import strawberry

from loaders import promotions
from loaders.enums import Benefit, IssuanceType
from loaders.totals import Total, Totals
from resolvers.required_benefits import needs
from resolvers.scalars import to_three_digits

_TYPE_ORDER: dict[IssuanceType | None, int] = {type_: n for n, type_ in enumerate(IssuanceType)}


@strawberry.enum(description="How points are issued.")
class PointsCategory(enum.Enum):
    REGULAR_POINTS = strawberry.enum_value("REGULAR_POINTS", description="Issued, and usable immediately.")
    PROMISED_POINTS = strawberry.enum_value("PROMISED_POINTS", description="Promised, to be issued later.")
    EXTERNAL_TRIGGER_BASED_POINTS = strawberry.enum_value(
        "EXTERNAL_TRIGGER_BASED_POINTS", description="Promised, to be issued when another system triggers it."
    )


@strawberry.enum(description="How an alternate currency is issued.")
class AlternateCurrencyType(enum.Enum):
    REGULAR = strawberry.enum_value("REGULAR", description="Issued, and usable immediately.")
    PROMISED = strawberry.enum_value("PROMISED", description="Promised, to be issued later.")
    EXTERNAL_TRIGGER_BASED = strawberry.enum_value(
        "EXTERNAL_TRIGGER_BASED", description="Promised, to be issued when another system triggers it."
    )


@strawberry.type(description="The totals of one category of points.")
class PointsSummary:
    points_category: PointsCategory = strawberry.field(description="The category of the points.")
    total_points_issued: Decimal = strawberry.field(description="The number of points issued.")
    number_of_times_issued: int = strawberry.field(description="How many times points were issued.")
    last_issued_on: datetime = strawberry.field(description="When points were last issued.")


@strawberry.type(description="The totals of one type of an alternate currency.")
class AlternateCurrencySubDetail:
    alternate_currency_type: AlternateCurrencyType = strawberry.field(description="The type of the currency.")
    total_issued: Decimal = strawberry.field(description="The amount issued.")
    number_of_times_issued: int = strawberry.field(description="How many times the currency was issued.")
    last_issued_on: datetime = strawberry.field(description="When the currency was last issued.")


@strawberry.type(description="The totals of one alternate currency.")
class AlternateCurrencySummary:
    alternate_currency_name: str = strawberry.field(description="The name of the currency.")
    alternate_currency_sub_details: list[AlternateCurrencySubDetail] = strawberry.field(
        description="The totals of each type, in the order of AlternateCurrencyType."
    )


@strawberry.type(description="How often a reward was issued.")
class RewardSummary:
    reward_series_id: str = strawberry.field(
        graphql_type=strawberry.ID, description="The id of the reward series."
    )
    number_of_times_issued: int = strawberry.field(description="How many times the reward was issued.")
    last_issued_on: datetime = strawberry.field(description="When the reward was last issued.")


@strawberry.type(description="How often a badge was issued.")
class BadgeSummary:
    badge_series_id: str = strawberry.field(
        graphql_type=strawberry.ID, description="The id of the badge series."
    )
    number_of_times_issued: int = strawberry.field(description="How many times the badge was issued.")
    last_issued_on: datetime = strawberry.field(description="When the badge was last issued.")


@strawberry.type(description="A loyalty promotion.")
class Promotion:
    id: int = strawberry.field(graphql_type=strawberry.ID, description="The id of the promotion.")
    identifier: str | None = strawberry.field(
        description="The external identifier of the promotion, if it has one."
    )
    name: str = strawberry.field(description="The name of the promotion, as the loyalty platform shows it.")
    program_id: int = strawberry.field(
        graphql_type=strawberry.ID, description="The id of the loyalty programme."
    )


@strawberry.type(description="A warning in a successful response.")
class Warning:
    code: int = strawberry.field(description="The code of the warning.")
    message: str = strawberry.field(description="The text of the warning.")


NO_BENEFITS = Warning(code=8116, message="No benefits earned by customer for the given promotion.")


@strawberry.type(
    description="The benefits that a customer earned from a promotion. The totals are gross: redemptions, "
    "returns and expiry are not subtracted. Benefits issued before 2025-06-12 are not counted; the operator "
    "of the gateway can set another day."
)
class CustomerPromotionActionSummary:
    """`totals` holds the benefits that the selected fields need."""

    org_id: int = strawberry.field(graphql_type=strawberry.ID, description="The id of the organisation.")
    program_id: int = strawberry.field(
        graphql_type=strawberry.ID, description="The id of the loyalty programme."
    )
    customer_id: int = strawberry.field(graphql_type=strawberry.ID, description="The id of the customer.")
    promotion_id: int = strawberry.field(graphql_type=strawberry.ID, description="The id of the promotion.")
    promotion_identifier: str = strawberry.field(description="The external identifier of the promotion.")
    found: strawberry.Private[promotions.Promotion]
    totals: strawberry.Private[Totals]
    time_zone: strawberry.Private[ZoneInfo]

    @strawberry.field(
        graphql_type=strawberry.ID, description="The id of this summary. Client caches can use it as the key."
    )
    def id(self) -> str:
        return f"{self.customer_id}:{self.promotion_id}"

    @strawberry.field(description="The promotion.")
    def promotion(self) -> Promotion:
        return Promotion(
            id=self.found.promotion_id,
            identifier=self.found.promotion_identifier or None,
            name=self.found.name,
            program_id=self.found.program_id,
        )

    @strawberry.field(description="Points, in the order of PointsCategory.", metadata=needs(Benefit.POINTS))
    def points(self) -> list[PointsSummary]:
        return [
            PointsSummary(
                points_category=PointsCategory[f"{total.type}_POINTS"],
                total_points_issued=to_three_digits(total.amount),
                number_of_times_issued=total.times_issued,
                last_issued_on=self._local(total),
            )
            for total in _by_type(self.totals[Benefit.POINTS])
        ]

    @strawberry.field(
        description="Alternate currencies, sorted by name.", metadata=needs(Benefit.ALTERNATE_CURRENCY)
    )
    def alternate_currencies(self) -> list[AlternateCurrencySummary]:
        return [
            AlternateCurrencySummary(
                alternate_currency_name=name,
                alternate_currency_sub_details=[
                    AlternateCurrencySubDetail(
                        alternate_currency_type=AlternateCurrencyType[f"{total.type}"],
                        total_issued=to_three_digits(total.amount),
                        number_of_times_issued=total.times_issued,
                        last_issued_on=self._local(total),
                    )
                    for total in _by_type(totals)
                ],
            )
            for name, totals in groupby(_by_item(self.totals[Benefit.ALTERNATE_CURRENCY]), attrgetter("item"))
        ]

    @strawberry.field(
        description="Rewards, sorted by the id of their series.", metadata=needs(Benefit.REWARD)
    )
    def rewards(self) -> list[RewardSummary]:
        return [
            RewardSummary(
                reward_series_id=total.item,
                number_of_times_issued=total.times_issued,
                last_issued_on=self._local(total),
            )
            for total in _by_item(self.totals[Benefit.REWARD])
        ]

    @strawberry.field(description="Badges, sorted by the id of their series.", metadata=needs(Benefit.BADGE))
    def badges(self) -> list[BadgeSummary]:
        return [
            BadgeSummary(
                badge_series_id=total.item,
                number_of_times_issued=total.times_issued,
                last_issued_on=self._local(total),
            )
            for total in _by_item(self.totals[Benefit.BADGE])
        ]

    @strawberry.field(
        description="Warning 8116 if all four lists of benefits are empty, otherwise empty.",
        metadata=needs(*Benefit),
    )
    def warnings(self) -> list[Warning]:
        return [] if any(self.totals[benefit] for benefit in Benefit) else [NO_BENEFITS]

    def _local(self, total: Total) -> datetime:
        return total.last_issued_on.astimezone(self.time_zone)


@strawberry.type(description="The position of a page in the whole list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are entries after this page.")
    has_previous_page: bool = strawberry.field(description="Always false: pages are read forwards only.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first entry.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last entry. Pass it as `after` to get the next page."
    )


@strawberry.type(description="An entry of a page.")
class CustomerPromotionActionSummaryEdge:
    cursor: str = strawberry.field(description="An opaque string that identifies the position of the entry.")
    node: CustomerPromotionActionSummary = strawberry.field(description="The summary.")


@strawberry.type(description="A page of summaries.")
class CustomerPromotionActionSummaryConnection:
    edges: list[CustomerPromotionActionSummaryEdge] = strawberry.field(description="The entries of the page.")
    page_info: PageInfo = strawberry.field(description="The position of the page in the whole list.")


def _by_type(totals: Iterable[Total]) -> list[Total]:
    return sorted(totals, key=lambda total: _TYPE_ORDER[total.type])


def _by_item(totals: Iterable[Total]) -> list[Total]:
    # By Unicode code point, as the API documents it.
    return sorted(totals, key=attrgetter("item"))
