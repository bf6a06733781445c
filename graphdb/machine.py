"""What this machine gives to a process."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> str:
    """Return cores, architecture, processor and memory in words, e.g. ``2 cores x86-64, AMD EPYC, 24 GB``."""
    architecture = platform.machine().replace("_", "-")
    parts = [f"{processors()} cores {architecture}", _processor()]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB")
    return ", ".join(part for part in parts if part)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in information.read_text().splitlines() if "model name" in line)
    return next(names, platform.processor())
