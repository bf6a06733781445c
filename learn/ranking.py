"""Scores of rankings: NDCG and HIT at k, reciprocal rank, median rank; what chance gives; how far they would move.

Pure functions of scores. Relevance is binary, and a query may have several relevant candidates. Equal scores are broken
**pessimistically**: of candidates with the same score those that are not relevant stand first, so that a system that
cannot tell candidates apart gains nothing.

Sources: Järvelin and Kekäläinen 2002 (DCG, here with binary gain and discount log2(1 + rank)); Efron 1979 (bootstrap).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from learn.bootstrap import DRAWS, LEVEL, Interval

CUTS = (1, 10)
METRICS = ("ndcg_1", "ndcg_10", "hit_1", "hit_10", "mrr", "median_rank")
"""What `scores`, `chance` and `intervals` give; all but the last lie in [0, 1] and are better when larger."""

Numbers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Value = TypeVar("Value")
_BLOCK = 2**22  # weights at once


@dataclass(frozen=True)
class Ranking:
    """Where the relevant candidates of q queries stand.

    Attributes
    ----------
    ranks
        Of each query (k,) int64 ranks of its k ≥ 1 relevant candidates, ascending, from 1.
    candidates
        How many are ranked for each query.
    """

    ranks: tuple[Numbers, ...]
    candidates: int

    @property
    def first(self) -> Numbers:
        """(q,) rank of the best relevant candidate."""
        return np.array([ranks[0] for ranks in self.ranks], dtype=np.int64)

    @property
    def relevant(self) -> Numbers:
        """(q,) number of relevant candidates."""
        return np.array([len(ranks) for ranks in self.ranks], dtype=np.int64)


def rank(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> Numbers:
    """Return the ranks of the relevant candidates of one query.

    Parameters
    ----------
    scores
        (C,), better when larger; NaN, a candidate that cannot be scored, is worse than all.
    relevant
        (k,) positions of the relevant candidates, each once.

    Returns
    -------
    (k,) int64
        Ascending, from 1.
    """
    values = np.array(scores, dtype=np.float64)
    values[np.isnan(values)] = -np.inf
    own = np.zeros(len(values), dtype=np.bool_)
    own[np.asarray(relevant, dtype=np.int64)] = True
    best, others = np.sort(values[own])[::-1], np.sort(values[~own])
    ahead = len(others) - np.searchsorted(others, best, side="left")  # equal ones too
    return (ahead + np.arange(1, len(best) + 1)).astype(np.int64)


def by_query(ranking: Ranking) -> dict[str, Doubles]:
    """Return every metric but the median rank for each query, (q,) float64, by name."""
    found: dict[str, Doubles] = {}
    for cut in CUTS:
        gains = [(1 / np.log2(1 + ranks[ranks <= cut])).sum() for ranks in ranking.ranks]
        found[f"ndcg_{cut}"] = np.array(gains, dtype=np.float64) / _ideal(ranking.relevant, cut)
        found[f"hit_{cut}"] = (ranking.first <= cut).astype(np.float64)
    return {**found, "mrr": 1 / ranking.first.astype(np.float64)}


def scores(ranking: Ranking) -> dict[str, float]:
    """Return the `METRICS`: means over queries, and the median of the rank of the best relevant candidate.

    NDCG divides by the DCG of min(k, number of relevant) candidates in front; HIT asks whether any is among the first
    k; the reciprocal rank is that of the first.
    """
    means = {name: float(values.mean()) for name, values in by_query(ranking).items()}
    return _in_order({**means, "median_rank": float(np.median(ranking.first))})


def chance(relevant: npt.ArrayLike, candidates: int) -> dict[str, float]:
    """Return what a random order of the candidates is expected to score, exactly.

    With r of C relevant, the best one is beyond rank k with probability Π_{i<k} (C − r − i) / (C − i), and each rank
    holds a relevant one with probability r / C.

    Parameters
    ----------
    relevant
        (q,) number of relevant candidates of each query, at least 1.
    candidates
        C.

    Returns
    -------
    dict
        The `METRICS`. ``median_rank`` is the smallest rank that half of the queries' best candidates are expected at or
        above.
    """
    counts, times = np.unique(np.asarray(relevant, dtype=np.int64), return_counts=True)
    share = times / times.sum()
    found = dict.fromkeys(METRICS, 0.0)
    for count, weight in zip(counts.tolist(), share.tolist(), strict=True):
        within = chance_curve([count], candidates)
        at = np.diff(within, prepend=0.0)
        found["mrr"] += weight * float((at / np.arange(1, candidates + 1)).sum())
        for cut in CUTS:
            depth = min(cut, candidates)
            gain = count / candidates * float((1 / np.log2(np.arange(2, depth + 2))).sum())
            found[f"ndcg_{cut}"] += weight * gain / float(_ideal(np.array([count]), cut)[0])
            found[f"hit_{cut}"] += weight * float(within[depth - 1])
    # A sum of shares may end a little below one half.
    found["median_rank"] = float(np.argmax(chance_curve(relevant, candidates) >= 0.5 - 1e-12) + 1)
    return found


def chance_curve(relevant: npt.ArrayLike, candidates: int) -> Doubles:
    """Return how likely a random order puts a query's best relevant candidate at rank k or above, for k = 1 … C.

    (C,) float64, the mean over queries; `relevant` (q,) as in `chance`.
    """
    counts, times = np.unique(np.asarray(relevant, dtype=np.int64), return_counts=True)
    places = np.arange(candidates)
    curve = np.zeros(candidates)
    for count, weight in zip(counts.tolist(), (times / times.sum()).tolist(), strict=True):
        beyond = np.cumprod(np.maximum(candidates - count - places, 0) / (candidates - places))
        curve += weight * (1 - beyond)
    return curve


def intervals(
    ranking: Ranking,
    groups: Sequence[str] | npt.NDArray[np.str_],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return percentile bootstrap intervals of the `METRICS`.

    Parameters
    ----------
    ranking
        Of q queries.
    groups
        (q,) what is drawn as a whole, since its queries are not independent: a molecule's first InChIKey block.
    draws
        How often as many groups as there are are drawn with replacement.
    level
        Share of draws inside the interval.
    seed
        Of the draws.

    Returns
    -------
    dict
        NaN where there are fewer than two groups: nothing is known of how a score would move.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    values = by_query(ranking)
    if len(names) < 2:
        return _in_order(dict.fromkeys(METRICS, Interval(float("nan"), float("nan"))))
    order = np.argsort(ranking.first, kind="stable")
    ascending = ranking.first[order]
    random = np.random.default_rng(seed)
    drawn: dict[str, list[Doubles]] = {name: [] for name in METRICS}
    step = max(1, _BLOCK // max(len(member), len(names)))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        weights = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=size)[:, member]
        total = weights.sum(axis=1)
        for name, found in values.items():
            drawn[name].append(weights @ found / total)
        below = np.cumsum(weights[:, order], axis=1)
        drawn["median_rank"].append(ascending[np.argmax(2 * below >= total[:, None], axis=1)].astype(np.float64))
    edges = [(1 - level) / 2, (1 + level) / 2]
    ends = {name: np.quantile(np.concatenate(parts), edges) for name, parts in drawn.items()}
    return _in_order({name: Interval(float(low), float(high)) for name, (low, high) in ends.items()})


def _ideal(relevant: Numbers, cut: int) -> Doubles:
    """Return the DCG at `cut` of the best order, (q,), for (q,) numbers of relevant candidates."""
    sums = np.cumsum(1 / np.log2(np.arange(2, cut + 2)))
    return np.asarray(sums[np.minimum(relevant, cut) - 1], dtype=np.float64)


def _in_order(found: Mapping[str, Value]) -> dict[str, Value]:
    return {name: found[name] for name in METRICS}
