"""Organisations, the owners of all other data, and their time zones.

A time zone has a name of the IANA list and the rules of the package `tzdata`. The machine's own files are not
read, so that an organisation's days begin at the same time everywhere.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from loaders.database_schema import ORGANIZATIONS
from loaders.errors import StoreUnavailable
from loaders.store import Store

TIME_ZONES = frozenset(files("tzdata").joinpath("zones").read_text().split())


@dataclass(frozen=True, slots=True)
class Organization:
    """One organisation; `time_zone` is the zone in which its answers show times."""

    id: int
    name: str
    time_zone: ZoneInfo

    def midnight(self, day: date) -> datetime:
        """The instant at which `day` starts here, in UTC."""
        return datetime.combine(day, time.min, self.time_zone).astimezone(UTC)


@cache
def find_time_zone(name: str) -> ZoneInfo:
    """The time zone with this name; raises `ValueError` for a name that is not in the IANA list."""
    if name not in TIME_ZONES:
        raise ValueError("timeZone is not the name of an IANA time zone")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


async def find_organization(store: Store, organization_id: int) -> Organization | None:
    """The organisation with this id, if there is one."""
    document = await store.get(ORGANIZATIONS.name, organization_id)
    if document is None:
        return None
    try:
        time_zone = find_time_zone(document["timeZone"])
    except (OSError, ValueError) as error:
        raise StoreUnavailable(f"organisation {organization_id} has no usable time zone") from error
    return Organization(int(document["_id"]), document["name"], time_zone)
