"""Over-representation: the labels that chosen things have more often than chance would give them.

The hypergeometric test and Benjamini and Hochberg's false discovery rate (J. R. Stat. Soc. B 57, 1995), as in the usual
gene-set enrichment. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

import pandas as pd
from scipy import stats

Thing = TypeVar("Thing", bound=Hashable)
Label = TypeVar("Label", bound=Hashable)

COLUMNS = ["label", "hits", "chosen", "with_label", "background", "expected", "fold", "p", "fdr"]


def enrichment(
    chosen: Collection[Thing], background: Collection[Thing], labels: Mapping[Label, Collection[Thing]]
) -> pd.DataFrame:
    """Return how much more often each label stands on chosen things than on things drawn from the background.

    Parameters
    ----------
    chosen
        The things that were chosen; those outside the background do not count.
    background
        All things that could have been chosen.
    labels
        Label → the things that have it; those outside the background do not count.

    Returns
    -------
    pandas.DataFrame
        One row a label that a chosen thing has, the smallest p first: ``label``; ``hits`` chosen things with it of
        ``chosen``; ``with_label`` things with it of ``background``; ``expected`` hits by chance; ``fold``, hits by
        expected; ``p``, the chance of as many hits or more; ``fdr``, p by Benjamini and Hochberg over all labels that a
        thing of the background has (a label without hits has p = 1).
    """
    everything = set(background)
    drawn = everything & set(chosen)
    rows = []
    tested = 0
    for label, things in labels.items():
        having = everything & set(things)
        tested += bool(having)
        hits = len(having & drawn)
        if hits:
            expected = len(drawn) * len(having) / len(everything)
            p = float(stats.hypergeom.sf(hits - 1, len(everything), len(having), len(drawn)))
            rows.append((label, hits, len(drawn), len(having), len(everything), expected, hits / expected, p))
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    without_hits = [1.0] * (tested - len(table))
    of_all = [min(row[-1], 1.0) for row in rows] + without_hits
    table["fdr"] = stats.false_discovery_control(of_all)[: len(rows)] if rows else []
    order = sorted(range(len(table)), key=lambda row: (rows[row][-1], -rows[row][1], str(rows[row][0])))
    return table.iloc[order].reset_index(drop=True)
