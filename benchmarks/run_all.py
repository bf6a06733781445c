"""Run every benchmark and keep its results: ``python -m benchmarks.run_all --out DIR``; ``make bench`` calls this.

Each runs in a process of its own, one after the other: two at a time would measure each other.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

NOT_BENCHMARKS = {
    "__init__",
    "curves",
    "gpu",
    "graphs",
    "matrices",
    "paper_scale",
    "processes",
    "published",
    "report",
    "run_all",
    "synthetic",
    "training",
}
"""Files that others use; `gpu` measures on another machine (``benchmarks/gpu.sh``)."""


def main() -> int:
    """Run them and return the number of those that failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run_all", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="folder of the JSON files")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="run this one; may be repeated")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    unknown = set(arguments.only) - set(names)
    if unknown:
        parser.error(f"no benchmark is named {sorted(unknown)[0]!r}; there are: {', '.join(names)}")
    failed = 0
    for name in arguments.only or names:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(arguments.out / f"{name}.json")]
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
