"""The data room: everything that knows MongoDB, and nothing that knows HTTP or GraphQL.

`Dispatchers` is what a process reads with; `Loaders`, on top of it, is what one request reads with. A
request's loaders are bound to one organisation, so a key never carries an organisation id and a read across
organisations cannot be written.
"""

from collections.abc import Iterable
from datetime import date

from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier
from loaders.dispatcher import IN_FLIGHT, LIMIT, UNOBSERVED, BatchObserver
from loaders.lookup_cache import LookupCache
from loaders.organizations import Organization
from loaders.promotions import PromotionByReferenceLoader, PromotionDispatcher
from loaders.store import Store
from loaders.totals import TotalsByBenefitLoader, TotalsDispatcher


class Dispatchers:
    """The reads that all requests of a process share."""

    def __init__(
        self,
        store: Store,
        in_flight: int = IN_FLIGHT,
        limit: int = LIMIT,
        watcher: BatchObserver = UNOBSERVED,
        lookup_seconds: int = 0,
    ) -> None:
        self.customers = CustomerDispatcher(store, in_flight, limit, watcher)
        self.promotions = PromotionDispatcher(store, in_flight, limit, watcher)
        self.totals = TotalsDispatcher(store, in_flight, limit, watcher)
        self.customers.cache = LookupCache(lookup_seconds)
        self.promotions.cache = LookupCache(lookup_seconds)

    def forget(
        self, organization_id: int, identifiers: Iterable[CustomerIdentifier], *, promotions: bool
    ) -> None:
        """Look up again what this process has changed: these identifiers, and perhaps promotions."""
        self.customers.cache.forget(organization_id, identifiers)
        if promotions:
            self.promotions.cache.forget_all(organization_id)

    def waiting(self) -> dict[str, int]:
        """How many loads of each kind wait for a batch to return."""
        return {one.kind: one.waiting for one in (self.customers, self.promotions, self.totals)}


class Loaders:
    """The dataloaders of one request, all of them inside one organisation.

    `benefits_since` is the first day whose benefits count; the day starts at midnight in the
    organisation's time zone. `only_customer` is the one customer that can be read, where the caller may see
    no other.
    """

    def __init__(
        self,
        dispatchers: Dispatchers,
        organization: Organization,
        benefits_since: date,
        only_customer: int | None = None,
    ) -> None:
        self.organization = organization
        self.customers = CustomerByIdentifierLoader(dispatchers.customers, organization.id, only_customer)
        self.promotions = PromotionByReferenceLoader(dispatchers.promotions, organization.id)
        self.totals = TotalsByBenefitLoader(
            dispatchers.totals, organization.id, organization.midnight(benefits_since)
        )

    @property
    def commands(self) -> dict[str, int]:
        """How many commands have answered this request, by kind; those shared with others included."""
        return {
            "find": self.customers.commands + self.promotions.commands,
            "aggregate": self.totals.commands,
        }
