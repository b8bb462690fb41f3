"""Reads and writes of MongoDB; nothing here knows HTTP or GraphQL.

- `store`, `driver`, `driver_options`, `deadline`: one database, its two drivers, and the time of a command
- `database_schema`, `database_setup`: the collections and indexes, and how they are made
- `dispatcher`: the batches that concurrent requests share, and the limit of their size
- `dataloader`: the base class of the loaders of one request
- `customers`, `promotions`, `lookups`, `lookup_cache`: look-ups of customers and promotions, and their cache
- `totals`, `earned_promotions`: the aggregations
- `ledger`: writes issuances, promotions and customers
- `pending_events`: events that wait to be counted
- `merges_and_erasures`: the customers that events merge and erase
- `clients`, `organizations`: the callers' accounts

A process reads with `Dispatchers`, and a request with `Loaders` on top of them. A request's loaders are bound
to one organisation, so no key carries an organisation's id, and code that reads across organisations cannot
be written.
"""

from collections import Counter
from datetime import date
from functools import cached_property

from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.dispatcher import DEFAULT_BATCHING, Batching
from loaders.earned_promotions import Page, find_earned, find_promotions_of
from loaders.merges_and_erasures import PersonLoader
from loaders.organizations import Organization
from loaders.promotions import Promotion, PromotionByReferenceLoader, PromotionDispatcher, PromotionReference
from loaders.store import Store
from loaders.totals import TotalsByBenefitLoader, TotalsDispatcher


class Dispatchers:
    """The reads that all requests of a process share."""

    def __init__(
        self, store: Store, batching: Batching = DEFAULT_BATCHING, *, lookup_seconds: int = 0
    ) -> None:
        self.store = store
        self.observer = batching.observer
        self.customers = CustomerDispatcher(store, batching, lookup_seconds=lookup_seconds)
        self.promotions = PromotionDispatcher(store, batching, lookup_seconds=lookup_seconds)
        self.totals = TotalsDispatcher(store, batching)

    def forget(self, organization_id: int, identifiers: list[CustomerIdentifier] | None = None) -> None:
        """Look up again what this process has changed: these identifiers, or everything."""
        self.customers.cache.forget(organization_id, identifiers)
        if identifiers is None:
            self.promotions.cache.forget(organization_id)

    def waiting(self) -> dict[str, int]:
        """How many loads of each kind wait for a batch to return."""
        return {one.kind: one.waiting for one in (self.customers, self.promotions, self.totals)}


class Loaders:
    """The dataloaders of one request, bound to one organisation.

    `benefits_since` is the first day whose benefits count; the day starts at midnight in the organisation's
    time zone. Where `only_customer` is given, no other customer can be read.
    """

    def __init__(
        self,
        dispatchers: Dispatchers,
        organization: Organization,
        benefits_since: date,
        only_customer: int | None = None,
    ) -> None:
        self.organization = organization
        self._dispatchers = dispatchers
        self._benefits_since = benefits_since
        self._only_customer = only_customer
        # Commands that are not shared with other requests.
        self._own_commands: Counter[str] = Counter()

    @cached_property
    def customers(self) -> CustomerByIdentifierLoader:
        return CustomerByIdentifierLoader(
            self._dispatchers.customers, self.organization.id, self._only_customer
        )

    @cached_property
    def promotions(self) -> PromotionByReferenceLoader:
        return PromotionByReferenceLoader(self._dispatchers.promotions, self.organization.id)

    @cached_property
    def totals(self) -> TotalsByBenefitLoader:
        since = self.organization.midnight(self._benefits_since)
        return TotalsByBenefitLoader(self._dispatchers.totals, self.organization.id, since)

    @cached_property
    def _persons(self) -> PersonLoader:
        return PersonLoader(self._dispatchers.store, self.organization.id)

    async def find_only_customer(self) -> Person | None:
        """The only customer that can be read, with the customers merged into it. One `find` in a request."""
        return None if self._only_customer is None else await self._persons.load(self._only_customer)

    async def earned(self, person: Person, *, first: int, before: int | None, program_id: int | None) -> Page:
        """A page of the promotions from which the person earned anything, of one programme if it is given."""
        store, organization_id = self._dispatchers.store, self.organization.id
        since = self.organization.midnight(self._benefits_since)
        promotion_ids: list[int] | None = None
        if program_id is not None:
            self._own_commands["find"] += 1
            promotion_ids = await find_promotions_of(store, organization_id, program_id)
        self._own_commands["aggregate"] += 1
        # The log line of the request counts it too.
        self._dispatchers.observer.answered(TotalsDispatcher.kind, 1)
        return await find_earned(
            store, organization_id, since, person, first=first, before=before, promotion_ids=promotion_ids
        )

    def remembered_customer(self, identifier: CustomerIdentifier) -> Person | None:
        """The customer if this process remembers it, otherwise None."""
        found = self._dispatchers.customers.cache.get(self.organization.id, identifier)
        return found if found and self._only_customer in (None, *found.ids) else None

    def remembered_promotion(self, reference: PromotionReference) -> Promotion | None:
        """The promotion if this process remembers it, otherwise None."""
        return self._dispatchers.promotions.cache.get(self.organization.id, reference)

    @property
    def commands(self) -> dict[str, int]:
        """How many commands were sent for this request, by kind; shared commands count too."""
        return {
            "find": self._own_commands["find"]
            + sum(loader.commands for loader in (self.customers, self.promotions, self._persons)),
            "aggregate": self.totals.commands + self._own_commands["aggregate"],
        }
