"""Gene columns of tables, as sources yield them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from ingest.records import GeneTable
from ingest.sources._read import shown

NCBI_ID = r"[0-9]{1,18}"
"""An NCBI gene id: a number that 64 bits hold."""


def ncbi_ids(ids: pd.Series, path: Path) -> npt.NDArray[np.int64]:
    """Return NCBI gene ids (n,) of a column of text that is indexed by line.

    Raises
    ------
    InputError
        With the line, where a cell is no number.
    """
    strange = ~ids.str.fullmatch(NCBI_ID).to_numpy(dtype=bool)
    if strange.any():
        first = int(np.argmax(strange))
        raise InputError(
            f"expected an NCBI gene id, found {shown(ids.iloc[first])}", path=path, line=int(ids.index[first])
        )
    return np.asarray(ids, dtype=str).astype(np.int64)


def gene_table(
    source: str,
    path: Path,
    lines: Sequence[int] | npt.NDArray[np.int64],
    ids: npt.NDArray[np.int64],
    symbols: Sequence[str | None],
    *,
    names: Sequence[str | None] | None = None,
    synonyms: Sequence[Sequence[str]] | None = None,
) -> GeneTable:
    """Return a gene table of columns of equal length."""
    n = len(ids)
    return GeneTable(
        source,
        path,
        pd.DataFrame(
            {
                "line": np.asarray(lines),
                "ncbi_id": ids,
                "symbol": pd.Series(list(symbols), dtype=object),
                "name": pd.Series([None] * n if names is None else list(names), dtype=object),
                "synonyms": pd.Series([[]] * n if synonyms is None else [list(s) for s in synonyms], dtype=object),
            }
        ),
    )
