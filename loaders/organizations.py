"""Organisations, the owners of all other data, and their time zones."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loaders.database_schema import ORGANIZATIONS
from loaders.store import Store, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Organization:
    """One organisation; `time_zone` is the zone in which its answers show times."""

    id: int
    name: str
    time_zone: ZoneInfo

    def midnight(self, day: date) -> datetime:
        """The instant at which `day` starts here, in UTC."""
        return datetime.combine(day, time.min, self.time_zone).astimezone(UTC)


async def find_organization(store: Store, organization_id: int) -> Organization | None:
    """The organisation with this id, if there is one."""
    document = await store.get(ORGANIZATIONS.name, organization_id)
    if document is None:
        return None
    try:
        time_zone = ZoneInfo(document["timeZone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise StoreUnavailable(f"organisation {organization_id} has no usable time zone") from error
    return Organization(int(document["_id"]), document["name"], time_zone)
