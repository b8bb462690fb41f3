"""Time zones: only names of the IANA list are accepted, and the rules are the same on every machine."""

import errno
import resource
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loaders.database_schema import ORGANIZATIONS
from loaders.errors import StoreUnavailable
from loaders.organizations import TIME_ZONES, find_organization, find_time_zone
from loaders.store import Int64, Store

# The first day of each month until the rules of all zones repeat each year, and of two distant years.
INSTANTS = [
    *(datetime(year, month, 1, tzinfo=UTC) for year in range(1973, 2040) for month in range(1, 13)),
    *(datetime(year, month, 1, tzinfo=UTC) for year in (2100, 9997) for month in range(1, 13)),
]


@pytest.mark.parametrize(
    "name", ["Asia/Kolkata", "America/Argentina/Buenos_Aires", "UTC", "EST5EDT", "Etc/GMT+5"]
)
def test_a_name_of_the_list_is_a_time_zone(name: str) -> None:
    zone = find_time_zone(name)
    assert zone.key == name
    assert zone.utcoffset(INSTANTS[0]) == zoneinfo.ZoneInfo(name).utcoffset(INSTANTS[0])


@pytest.mark.parametrize(
    "name",
    [
        *(
            "localtime",
            "posixrules",
            "posix/UTC",
            "right/UTC",
            "Factory/",
            "",
            ".",
            "..",
            "../zones",
            "/etc/localtime",
        ),
        *("Asia", "Asia/kolkata", " UTC", "UTC\0", "Mars/Base"),
    ],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^timeZone is not the name of an IANA time zone$"):
        find_time_zone(name)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """A folder that replaces the time zones of the machine."""
    zoneinfo.reset_tzpath([str(tmp_path)])
    yield tmp_path
    zoneinfo.reset_tzpath()


def test_the_files_of_the_machine_are_not_read(machine: Path) -> None:
    (machine / "Pacific").mkdir()
    (machine / "Pacific" / "Chatham").write_bytes(b"not a time zone")
    with pytest.raises(ValueError, match="Invalid TZif file"):
        zoneinfo.ZoneInfo.no_cache("Pacific/Chatham")
    find_time_zone.cache_clear()
    assert str(find_time_zone("Pacific/Chatham").utcoffset(INSTANTS[0])) == "12:45:00"


def test_since_1973_every_offset_is_of_whole_minutes() -> None:
    odd = {
        name
        for name in TIME_ZONES
        for instant in INSTANTS
        if instant.astimezone(find_time_zone(name)).utcoffset().total_seconds() % 60  # type: ignore[union-attr]
    }
    assert odd == set()


@pytest.mark.parametrize("name", ["localtime", "right/UTC", "Nowhere"])
async def test_an_organisation_of_another_time_zone_cannot_be_read(store: Store, name: str) -> None:
    organization_id = 404_000 + len(name)
    document = {"_id": Int64(organization_id), "name": "", "timeZone": name}
    await store.upsert(ORGANIZATIONS.name, [({"_id": document["_id"]}, {"$set": document})])
    with pytest.raises(StoreUnavailable, match=rf"^organisation {organization_id} has no usable time zone$"):
        await find_organization(store, organization_id)


async def test_without_a_file_descriptor_an_organisation_cannot_be_read_yet(store: Store) -> None:
    document = {"_id": Int64(404_100), "name": "", "timeZone": "Pacific/Chatham"}
    await store.upsert(ORGANIZATIONS.name, [({"_id": document["_id"]}, {"$set": document})])
    find_time_zone.cache_clear()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # This limit is below every descriptor, so a descriptor that another thread closes cannot be used.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(
            StoreUnavailable, match=r"^organisation 404100 has no usable time zone$"
        ) as failed:
            await find_organization(store, 404_100)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(failed.value.__cause__, OSError)
    assert failed.value.__cause__.errno == errno.EMFILE
    found = await find_organization(store, 404_100)
    assert found is not None
    assert found.time_zone.key == "Pacific/Chatham"
