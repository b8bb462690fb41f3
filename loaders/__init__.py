"""The data room: everything that knows MongoDB, and nothing that knows HTTP or GraphQL.

`Loaders` is what one request reads with. It is made for one request and bound to one organisation, so a
key never carries an organisation id and a read across organisations cannot be written.
"""

from datetime import date

from loaders.customers import CustomerByIdentifierLoader
from loaders.organizations import Organization
from loaders.promotions import PromotionByReferenceLoader
from loaders.store import Store
from loaders.totals import TotalsByBenefitLoader


class Loaders:
    """The dataloaders of one request, all of them inside one organisation.

    `benefits_since` is the first day whose benefits count; the day starts at midnight in the
    organisation's time zone. `only_customer` is the one customer that can be read, where the caller may see
    no other.
    """

    def __init__(
        self,
        store: Store,
        organization: Organization,
        benefits_since: date,
        only_customer: int | None = None,
    ) -> None:
        self.organization = organization
        self.customers = CustomerByIdentifierLoader(store, organization.id, only_customer)
        self.promotions = PromotionByReferenceLoader(store, organization.id)
        self.totals = TotalsByBenefitLoader(store, organization.id, organization.midnight(benefits_since))
