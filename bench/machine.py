"""The machine and the versions that a bench ran on; its figures are meaningless without them."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from gateway.settings import Settings


def describe(settings: Settings) -> dict[str, str]:
    """The processor, Python, the gateway's driver, and the database's own name and version."""
    with MongoClient[dict[str, Any]](settings.mongodb_uri.get_secret_value()) as client:
        built = client.server_info()
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "driver": f"{settings.driver} {version(settings.driver)}",
        "database": _database(built),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    for line in information.read_text().splitlines() if information.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown processor"


def _database(built: dict[str, Any]) -> str:
    if own := built.get("secantusVersion"):
        return f"SecantusDB {own} (embedded; speaks MongoDB {built['version']})"
    return f"MongoDB {built['version']}"
