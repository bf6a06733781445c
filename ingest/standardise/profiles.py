"""Profiles without faults: infinite values, empty rows, repeated rows; and one profile of replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.records import REJECT_COLUMNS, ProfileTable, rejects_table

Aggregation = Literal["median", "modz"]
MODZ_LEAST_WEIGHT = 0.01


def clean(profiles: ProfileTable) -> tuple[ProfileTable, pd.DataFrame]:
    """Make infinite values missing; leave out rows without any value and rows that repeat another.

    A repetition is a row of the same perturbagen and kind of perturbation with the same values, bit for bit, whatever
    conditions it states (no instrument measures the same d numbers twice). The one whose record comes first by name
    stays, so that the order of rows does not matter. Constant columns stay (scaling gives them 0.5).

    Returns
    -------
    profiles : ProfileTable
        With m ≤ n rows; never infinite.
    rejects : pandas.DataFrame
        Columns `REJECT_COLUMNS`. A row that was mended has ``kept`` True.
    """
    table, values = profiles.table.reset_index(drop=True), np.array(profiles.values, dtype=np.float32)
    infinite = np.isinf(values)
    values[infinite] = np.nan
    infinities = infinite.sum(axis=1)
    empty = np.isnan(values).all(axis=1)
    first = _first_of_same(table, values)
    repeated = (first != np.arange(len(table))) & ~empty
    mended = (infinities > 0) & ~empty & ~repeated

    lines = table["line"].to_numpy()
    reasons = np.full(len(table), "", dtype=object)
    reasons[mended] = [f"{count} infinite value(s) made missing" for count in infinities[mended]]
    reasons[repeated] = [f"duplicate of line {line}" for line in lines[first[repeated]]]
    reasons[empty] = "no finite value"
    rejects = pd.concat(
        [
            rejects_table(
                profiles.source, profiles.path, lines[rows], table["record"].to_numpy()[rows], reasons[rows], kept=kept
            )
            for rows, kept in ((mended, True), (empty | repeated, False))
            if rows.any()
        ]
        or [pd.DataFrame(columns=list(REJECT_COLUMNS))],
        ignore_index=True,
    )
    good = ~(empty | repeated)
    return replace(profiles, values=values[good], table=table[good].reset_index(drop=True)), rejects


def repeated_names(records: pd.Series, values: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which rows (n,) have the name of another one, but for the one of them that is to be used.

    That is the one whose values (n, d) come first as bytes: which stands first in a file must not matter.
    """
    again = np.array(records.duplicated(keep=False), dtype=bool)
    best: dict[object, tuple[bytes, int]] = {}
    for place in np.flatnonzero(again):
        found = (values[place].tobytes(), int(place))
        best[records.iloc[place]] = min(best.get(records.iloc[place], found), found)
    again[[place for _, place in best.values()]] = False
    return again


def aggregate(profiles: ProfileTable, by: Sequence[str], how: Aggregation = "median") -> ProfileTable:
    """Make one profile of the rows that agree in the columns `by`.

    Missing and infinite values do not count. Of each group the table keeps `by`, the smallest ``line``, the record
    (`by` in words) and ``replicates``, the number of rows. Groups are in order of their first record by name.

    Parameters
    ----------
    profiles
        n rows, e.g. wells.
    by
        Columns of ``profiles.table`` that name a treatment; ``namespace``, ``value`` and ``perturbation`` among them.
    how
        ``median`` of every feature, or `modz`.
    """
    missing = {"namespace", "value", "perturbation"} - set(by)
    if missing:
        raise ValueError(f"rows of different perturbagens cannot be one profile; `by` lacks {sorted(missing)}")
    # Sums of floats depend on their order, which must not be that of the rows.
    order = profiles.table["record"].astype(str).to_numpy().argsort(kind="stable")
    table, observed = profiles.table.iloc[order].reset_index(drop=True), profiles.values[order]
    grouped = table.groupby(list(by), sort=False, dropna=False)
    group = grouped.ngroup().to_numpy()
    values = pd.DataFrame(np.where(np.isfinite(observed), observed, np.nan))
    by_group = values.groupby(group, sort=True)
    if how == "median":
        consensus = by_group.median().to_numpy(dtype=np.float32)
    else:
        consensus = np.array([modz(rows.to_numpy()) for _, rows in by_group], dtype=np.float32)
        consensus = consensus.reshape(-1, profiles.values.shape[1])
    rows = np.unique(group, return_index=True)[1]
    described = table.loc[rows, list(by)].reset_index(drop=True)
    described["line"] = table["line"].groupby(group).min().to_numpy()
    described["record"] = [
        " ".join(str(cell) for cell in row)
        for row in described[[name for name in by if name != "namespace"]].to_numpy()
    ]
    described["replicates"] = np.bincount(group, minlength=len(rows)).astype(np.int64)
    return replace(profiles, values=consensus, table=described)


def modz(replicates: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the moderated z-score (d,) of replicates (n, d): their mean, weighted by how much each is like the others.

    A replicate's weight is its mean Spearman correlation with the others, at least 0.01; weights sum to one over the
    replicates that have the feature. Source: Subramanian et al. 2017, Cell 171:1437 (L1000, level 5); pycytominer's
    ``modz``. One replicate is itself, two are averaged (each correlates as well with the other).
    """
    if len(replicates) == 1:
        return np.asarray(replicates[0], dtype=np.float64)
    correlation = pd.DataFrame(replicates.T).corr(method="spearman").to_numpy(copy=True)
    np.fill_diagonal(correlation, np.nan)
    others = np.where(np.isnan(correlation), 0.0, correlation).sum(axis=1)
    counted = (~np.isnan(correlation)).sum(axis=1)
    weights = np.maximum(others / np.maximum(counted, 1), MODZ_LEAST_WEIGHT)
    observed = np.isfinite(replicates)
    total = (weights[:, None] * observed).sum(axis=0)
    summed = (weights[:, None] * np.where(observed, replicates, 0.0)).sum(axis=0)
    moderated = np.full(len(summed), np.nan)
    np.divide(summed, total, out=moderated, where=total > 0)
    return moderated


def _first_of_same(table: pd.DataFrame, values: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Return for every row the first one, by name, of the same perturbagen that has the same values, bit for bit."""
    # One pattern of bits for all missing values; -0.0 and 0.0 stay different.
    bits = np.where(np.isnan(values), np.float32(np.nan), values)
    perturbagens = list(zip(table["namespace"], table["value"], table["perturbation"], strict=True))
    seen: dict[tuple[object, ...], int] = {}
    first = np.empty(len(table), dtype=np.intp)
    for index in table.assign(record=table["record"].astype(str)).sort_values(["record", "line"]).index:
        # A digest of the row, since the rows themselves would be held twice.
        digest = blake2b(bits[index].tobytes(), digest_size=16).digest()
        first[index] = seen.setdefault((*perturbagens[index], digest), index)
    return first
