"""How the report and the tables write a number: always in the same way, and a dash for one that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from learn.evaluation.summary_types import Estimate

NONE = "\N{EN DASH}"
"""What stands for a number that is not there."""

_MINUS = "\N{MINUS SIGN}"


def score(estimate: Estimate | None) -> str:
    """Return ``0.744 ± 0.026``; without ± for one seed."""
    if estimate is None or not isfinite(estimate.mean):
        return NONE
    return pair(estimate.mean, estimate.deviation)


def pair(mean: float, deviation: float | None) -> str:
    """Return a mean and a standard deviation, if there is one."""
    if deviation is None or not isfinite(deviation):
        return f"{mean:.3f}"
    return f"{mean:.3f} ± {deviation:.3f}"


def printed(paper: tuple[float, float | None] | None) -> str:
    """Return a score of the paper."""
    return NONE if paper is None else pair(*paper)


def interval(low: float | None, high: float | None) -> str:
    """Return ``0.702 to 0.778``."""
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return NONE
    return f"{low:.3f} to {high:.3f}".replace("-", _MINUS)


def share(estimate: Estimate | None) -> str:
    """Return ``39.5 %``, with a standard deviation where there are seeds."""
    if estimate is None or not isfinite(estimate.mean):
        return NONE
    if estimate.deviation is None or not isfinite(estimate.deviation):
        return f"{100 * estimate.mean:.1f} %"
    return f"{100 * estimate.mean:.1f} ± {100 * estimate.deviation:.1f} %"


def signed(value: float | None) -> str:
    """Return ``+0.012`` or ``−0.012``."""
    return NONE if value is None or not isfinite(value) else f"{value:+.3f}".replace("-", _MINUS)


def plain(value: float | None) -> str:
    """Return ``0.744``."""
    return NONE if value is None or not isfinite(value) else f"{value:.3f}".replace("-", _MINUS)


def p_value(value: float) -> str:
    """Return ``0.031``, or ``<0.001``: a bootstrap of a thousand draws says no more."""
    if not isfinite(value):
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def seconds(value: float) -> str:
    """Return seconds, to a tenth where there are few."""
    if not isfinite(value):
        return NONE
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def seed_list(seeds: Sequence[int]) -> str:
    """Return ``10 (0–9)``: how many seeds, and which."""
    if not seeds:
        return "0"
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{len(ordered)} ({ordered[0]}{NONE}{ordered[-1]})"
    return f"{len(ordered)} ({', '.join(map(str, ordered))})"
