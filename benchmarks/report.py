"""What all benchmarks share: the machine, the commit, and the JSON that ``--json PATH`` writes."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphdb.files import write_json


def machine() -> str:
    """Return cores, architecture, processor and memory in words, e.g. ``2 cores x86-64, AMD EPYC, 24 GB``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    architecture = platform.machine().replace("_", "-")
    parts = [f"{cores} cores {architecture}", _processor()]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB")
    return ", ".join(part for part in parts if part)


def commit() -> str:
    """Return the commit that is checked out, with ``+`` where files differ from it; "unknown" outside a repository."""
    folder = Path(__file__).parent
    try:
        name, changed = (
            subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+" if changed else "")


def write_report(path: Path, benchmark: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``{"benchmark", "machine", "commit", "rows"}``; a row has ``name``, ``value``, ``unit``, …."""
    for row in rows:
        missing = {"name", "value", "unit"} - set(row)
        if missing:
            raise ValueError(f"a row of a benchmark lacks {sorted(missing)}: {dict(row)}")
    report = {"benchmark": benchmark, "machine": machine(), "commit": commit(), "rows": [dict(row) for row in rows]}
    write_json(Path(path), report)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in information.read_text().splitlines() if "model name" in line)
    return next(names, platform.processor())
