"""Where a bench ran, in words: its figures mean nothing without."""

import os
import platform
from pathlib import Path
from typing import Any

from pymongo import MongoClient


def describe(uri: str) -> dict[str, str]:
    """The processor, Python, and the database's own name and version."""
    with MongoClient[dict[str, Any]](uri) as client:
        built = client.server_info()
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
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
