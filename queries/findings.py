"""Three findings from real data as pictures: ``python -m queries.findings --out FOLDER``.

Nothing but measured expression (LINCS) says which molecules are alike here; what they act on (DrugBank, Hetionet) was
looked up afterwards. The graph must hold these sources (README, 'Real data').
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphdb.console import run
from graphdb.errors import InputError
from graphdb.store import GraphStore
from queries import render
from queries.graph import opened
from queries.mechanism import Mechanism, mechanism

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 12
SHARES, OTHER = "#D55E00", "#999999"  # of Okabe and Ito's colours


def neighbours_picture(found: Mechanism, gene: str, path: Path) -> pd.DataFrame:
    """Draw the nearest molecules of one, those known to act on a gene in colour; return what was drawn."""
    table = found.neighbours.head(TOP)
    acts = np.array([gene in genes for genes in table["genes"]])
    title = f"Nearest to {found.query.name} by measured expression; in colour: known to act on {gene}"
    _draw(path, title, "cosine of profiles", table["name"], table["similarity"], acts)
    return table.assign(acts=acts)[["name", "similarity", "acts"]]


def genes_picture(found: Mechanism, path: Path) -> pd.DataFrame:
    """Draw how sure the genes are that a molecule's neighbours act on, its own in colour; return what was drawn.

    Raises
    ------
    InputError
        If no neighbour has a known gene.
    """
    table = found.genes.head(TOP)
    if table.empty:
        raise InputError(f"none of the nearest molecules of {found.query.name} has a known gene in this graph")
    title = f"Genes that the neighbours of {found.query.name} act on; in colour: {found.query.name} does"
    _draw(path, title, "-log10 of the false discovery rate", table["gene"], -np.log10(table["fdr"]), table["known"])
    return table[["gene", "hits", "chosen", "with_label", "background", "fdr", "known"]]


def _draw(
    path: Path,
    title: str,
    axis: str,
    names: Sequence[str] | pd.Series,
    values: pd.Series,
    marked: np.ndarray | pd.Series,
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, drawn = plt.subplots(figsize=(8, 0.5 + 0.33 * len(values)), layout="constrained")
    axes: Axes = drawn
    places = np.arange(len(values))
    axes.barh(places, values, color=[SHARES if one else OTHER for one in marked])
    # A name is no formula, whatever signs are in it.
    labels = [str(name) if len(str(name)) <= 34 else str(name)[:33] + "…" for name in names]
    axes.set_yticks(places, labels, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=10, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def findings(store: GraphStore, folder: Path) -> dict[str, pd.DataFrame]:
    """Draw the three findings into a folder as PNG; return what was drawn, by file name.

    Raises
    ------
    InputError
        If the graph does not hold these drugs, their profiles, or what their neighbours act on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    statin = mechanism(store, "Simvastatin", by="expression")
    rapalog = mechanism(store, "Sirolimus", by="expression")
    return {
        "finding-statins.png": neighbours_picture(statin, "HMGCR", folder / "finding-statins.png"),
        "finding-hmgcr.png": genes_picture(statin, folder / "finding-hmgcr.png"),
        "finding-sirolimus.png": neighbours_picture(rapalog, "MTOR", folder / "finding-sirolimus.png"),
    }


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.findings", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write the three pictures")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Draw, and print what was drawn."""
    with opened() as store:
        drawn = findings(store, arguments.out)
    for name, table in drawn.items():
        render.print_table(str(arguments.out / name), table)


if __name__ == "__main__":
    run(main, build_parser())
