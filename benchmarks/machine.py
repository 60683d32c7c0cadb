"""Facts about the machine and the software, without which a figure means nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "easel", "onnxruntime", "numpy", "protobuf", "grpcio", "uvloop", "flask",
    "pillow", "granian", "gunicorn", "pyvoy", "hypercorn", "uvicorn", "zttp",
)  # fmt: skip


def facts() -> dict[str, object]:
    """What goes into the JSON: cores, CPU, memory, Python, packages, load and date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_before": os.getloadavg()[0],
        "packages": dict(_installed()),
    }


def summary(found: Mapping[str, object]) -> str:
    """One line of it."""
    return (
        f"{found['cores']} cores of {found['cpu']}, {found['memory_gb']} GB, "
        f"Python {found['python']}, {found['date']}"
    )


def _cpu_model() -> str:
    """Vendor, family and model too: virtual machines hide the name."""
    lines = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines()
    known = {
        key.strip(): value.strip() for key, _, value in (each.partition(":") for each in lines)
    }
    name = known.get("model name", platform.machine())
    return f"{name} (family {known.get('cpu family', '?')}, model {known.get('model', '?')})"


def _installed() -> list[tuple[str, str]]:
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
