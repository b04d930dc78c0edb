"""What every benchmark says about where it ran: package versions, processor, load, date."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def facts(*packages: str) -> dict[str, object]:
    """Keys for a benchmark's last line; `packages` are the ones whose version bears on the figures."""
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
        "cpu": {"model": _processor(), "cores": os.cpu_count()},
        "load": [round(value, 2) for value in os.getloadavg()],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
