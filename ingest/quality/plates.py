"""How much of a feature space its plates explain: the batch effect that confounds Cell Painting most.

One-way analysis of variance, a feature at a time: eta² is the share of the sum of squares that lies between plates.
With few profiles a plate it is above 0 by chance, so omega² (Hays 1963), which subtracts what chance gives, stands
beside it, and the eta² of plates that were dealt out at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

PERMUTATIONS = 20
MOST_PROFILES = 20_000
"""Profiles that are looked at; a seeded sample where there are more."""
NEIGHBOUR_ROWS = 5_000
"""Profiles of which the nearest neighbour is looked up, likewise."""


@dataclass(frozen=True)
class PlateEffect:
    """What plates do to a feature space.

    Attributes
    ----------
    profiles, plates
        How many have a plate, and how many plates there are.
    eta_squared
        Share of the sum of squares between plates, over all features; each is scaled to variance 1 first.
    omega_squared
        The same without what chance gives; near 0, also a little below, where plates do nothing.
    eta_squared_by_chance
        Mean eta² of plates dealt out at random.
    most_affected
        Place of the feature with the largest eta², and that eta².
    nearest_on_plate, nearest_by_chance
        Share of profiles whose nearest neighbour (by cosine) is of the same plate, and what that would be by chance.
    """

    profiles: int
    plates: int
    eta_squared: float
    omega_squared: float
    eta_squared_by_chance: float
    most_affected: tuple[int, float]
    nearest_on_plate: float
    nearest_by_chance: float


def plate_effect(
    values: npt.NDArray[np.floating], plates: npt.NDArray[np.object_], seed: int = 0
) -> PlateEffect | None:
    """Measure the effect of plates.

    Parameters
    ----------
    values
        (n, d) profiles; NaN where missing: a feature is judged by the profiles that have it.
    plates
        (n,) name of the plate of each profile; None where it has none.
    seed
        Of the permutations and of the sample.

    Returns
    -------
    PlateEffect or None
        None where fewer than two plates have two profiles between them that could differ.
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero([isinstance(plate, str) for plate in plates])
    if len(known) > MOST_PROFILES:
        known = np.sort(rng.choice(known, MOST_PROFILES, replace=False))
    names, of_plate = np.unique(plates[known].astype(str), return_inverse=True)
    x = standardised(np.asarray(values, dtype=np.float64)[known])
    if len(names) < 2 or len(x) <= len(names) or x.shape[1] == 0:
        return None
    between, total, observed = sums_of_squares(x, of_plate, len(names))
    chance = [eta(*sums_of_squares(x, rng.permutation(of_plate), len(names))[:2]) for _ in range(PERMUTATIONS)]
    by_feature = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    worst = int(np.argmax(by_feature))
    on_plate, by_chance = nearest_rates(x, of_plate, rng)
    return PlateEffect(
        profiles=len(x),
        plates=len(names),
        eta_squared=eta(between, total),
        omega_squared=omega(between, total, observed, len(names)),
        eta_squared_by_chance=float(np.mean(chance)),
        most_affected=(worst, float(by_feature[worst])),
        nearest_on_plate=on_plate,
        nearest_by_chance=by_chance,
    )


def standardised(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return features (n, d) with mean 0 and variance 1 over what is observed, without those that do not vary."""
    observed = np.isfinite(x)
    counts = np.maximum(observed.sum(axis=0), 1)
    centred = x - np.where(observed, x, 0.0).sum(axis=0) / counts
    deviation = np.sqrt((np.where(observed, centred, 0.0) ** 2).sum(axis=0) / counts)
    varies = deviation > 1e-12 * np.maximum(1.0, np.abs(np.where(observed, x, 0.0)).max(axis=0, initial=0.0))
    scaled: npt.NDArray[np.float64] = np.where(observed, centred, np.nan)[:, varies] / deviation[varies]
    return scaled


def sums_of_squares(
    x: npt.NDArray[np.float64], group: npt.NDArray[np.intp], groups: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the sums of squares between groups and in all, and the number of observed rows, (d,) each."""
    observed = np.isfinite(x)
    filled = np.where(observed, x, 0.0)
    # (groups, n): which rows a group has; a product with it sums by group.
    rows = csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(groups, len(group)))
    sums, counts = rows @ filled, rows @ observed.astype(np.float64)
    n = observed.sum(axis=0).astype(np.float64)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    total = np.where(observed, (filled - mean) ** 2, 0.0).sum(axis=0)
    between = (np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0)).sum(axis=0) - n * mean**2
    return np.maximum(between, 0.0), total, n


def eta(between: npt.NDArray[np.float64], total: npt.NDArray[np.float64]) -> float:
    """Return eta² over all features."""
    return float(between.sum() / total.sum()) if total.sum() > 0 else 0.0


def omega(
    between: npt.NDArray[np.float64], total: npt.NDArray[np.float64], observed: npt.NDArray[np.float64], groups: int
) -> float:
    """Return omega² over all features: (SS_b - df_b · MS_w) / (SS_t + MS_w), summed before the division."""
    mean_within = (total - between) / np.maximum(observed - groups, 1)
    denominator = (total + mean_within).sum()
    return float((between - (groups - 1) * mean_within).sum() / denominator) if denominator > 0 else 0.0


def nearest_rates(
    x: npt.NDArray[np.float64], group: npt.NDArray[np.intp], rng: np.random.Generator
) -> tuple[float, float]:
    """Return how often the nearest profile is of the same group, and how often any other one is."""
    if len(x) > NEIGHBOUR_ROWS:
        chosen = np.sort(rng.choice(len(x), NEIGHBOUR_ROWS, replace=False))
        x, group = x[chosen], group[chosen]
    filled = np.nan_to_num(x)
    unit = filled / np.maximum(np.linalg.norm(filled, axis=1, keepdims=True), 1e-300)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    same = group[cosine.argmax(axis=1)] == group
    sizes = np.bincount(group).astype(np.float64)
    chance = (sizes * (sizes - 1)).sum() / (len(x) * (len(x) - 1))
    return float(same.mean()), float(chance)
