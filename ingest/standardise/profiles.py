"""Profiles without faults: infinite values, empty rows, repeated rows; and medians of replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.records import REJECT_COLUMNS, ProfileTable, rejects_table


def clean(profiles: ProfileTable) -> tuple[ProfileTable, pd.DataFrame]:
    """Make infinite values missing; leave out rows without any value and rows that repeat another.

    A repetition is a row of the same perturbagen and kind of perturbation with the same values, bit for bit, whatever
    conditions it states (no instrument measures the same d numbers twice); the first one stays. Constant columns stay
    (scaling gives them 0.5).

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


def aggregate(profiles: ProfileTable, by: Sequence[str]) -> ProfileTable:
    """Take the median of the rows that agree in the columns `by`.

    Missing and infinite values do not count. Of each group the table keeps `by`, the first ``line``, the record
    (`by` in words) and ``replicates``, the number of rows. Groups are in order of their first row.

    Parameters
    ----------
    profiles
        n rows, e.g. wells.
    by
        Columns of ``profiles.table`` that name a treatment; ``namespace``, ``value`` and ``perturbation`` among them.
    """
    missing = {"namespace", "value", "perturbation"} - set(by)
    if missing:
        raise ValueError(f"rows of different perturbagens cannot be one profile; `by` lacks {sorted(missing)}")
    table = profiles.table.reset_index(drop=True)
    grouped = table.groupby(list(by), sort=False, dropna=False)
    group = grouped.ngroup().to_numpy()
    values = pd.DataFrame(np.where(np.isfinite(profiles.values), profiles.values, np.nan))
    medians = values.groupby(group, sort=True).median().to_numpy(dtype=np.float32)
    rows = np.unique(group, return_index=True)[1]
    described = table.loc[rows, [*by, "line"]].reset_index(drop=True)
    described["record"] = [
        " ".join(str(cell) for cell in row)
        for row in described[[name for name in by if name != "namespace"]].to_numpy()
    ]
    described["replicates"] = np.bincount(group, minlength=len(rows)).astype(np.int64)
    return replace(profiles, values=medians, table=described)


def _first_of_same(table: pd.DataFrame, values: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Return for every row the first row of the same perturbagen that has the same values, bit for bit."""
    # One pattern of bits for all missing values; -0.0 and 0.0 stay different.
    bits = np.where(np.isnan(values), np.float32(np.nan), values)
    perturbagens = zip(table["namespace"], table["value"], table["perturbation"], strict=True)
    seen: dict[tuple[object, ...], int] = {}
    return np.array(
        [
            # A digest of the row, since the rows themselves would be held twice.
            seen.setdefault((*perturbagen, blake2b(row.tobytes(), digest_size=16).digest()), index)
            for index, (perturbagen, row) in enumerate(zip(perturbagens, bits, strict=True))
        ],
        dtype=np.intp,
    )
