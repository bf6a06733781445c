"""Benchmarks: ``python -m benchmarks.NAME --json PATH``."""

import learn  # noqa: F401 - says how threads wait, which must be said before torch is loaded
