"""What all benchmarks share: the machine, the commit, and the JSON that ``--json PATH`` writes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphdb.files import write_json
from graphdb.machine import describe


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
    report = {"benchmark": benchmark, "machine": describe(), "commit": commit(), "rows": [dict(row) for row in rows]}
    write_json(Path(path), report)
