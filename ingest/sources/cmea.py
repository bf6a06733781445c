"""CMEA: cell morphology (Cell Painting) and gene expression (L1000) of the same 162 compounds.

Files, of the R package CMEA (Nassiri and McCall 2018, Nucleic Acids Research 46:e116), its two matrices as CSV:

- ``cell_morphology_profile.csv``: a row a compound (BRD id), 812 CellProfiler features.
- ``transcriptomic_profile.csv``: the same rows, 978 landmark genes (symbols as R writes column names: ``HLA.DMA``).

The structures of the BRD ids are not in these files; the source ``lincs`` has them in its look-up of perturbagens.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.schema import NodeType
from ingest.records import GeneTable, Perturbation, ProfileTable, Ref, SourceRecords
from ingest.sources._genes import gene_table
from ingest.sources._read import Matrix, find_file, read_matrix
from ingest.sources._source import Source

NAME = "cmea"

RENAMED_GENES = {
    "KIAA0494": 9813,
    "KIAA1279": 26128,
    "B3GNT1": 11041,
    "CTSL1": 1514,
    "BRP44": 25874,
    "MTERFD1": 51001,
    "CCDC90A": 63933,
    "KIAA0528": 9847,
    "CHP": 11261,
    "CD97": 976,
    "GPR56": 9289,
    "WDR67": 93594,
    "PTPLAD1": 51495,
    "PHF15": 23338,
    "GPER": 2852,
}
"""Landmarks whose symbol has changed since, with their NCBI gene ids (from L1000's own list of the 978 landmarks)."""


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    morphology = find_file(path, "cell_morphology_profile.csv")
    expression = find_file(path, "transcriptomic_profile.csv")
    features = read_matrix(morphology, text=["pert_id"])
    landmarks = read_matrix(expression, text=["pert_id"])
    # R replaces the hyphen of a column name by a dot; no human gene symbol of the landmarks has a dot of its own.
    symbols = tuple(name.replace(".", "-") for name in landmarks.columns)
    return SourceRecords(
        genes=(_renamed_genes(expression, symbols),),
        profiles=(
            ProfileTable(
                source=NAME,
                path=morphology,
                node_type=NodeType.MORPHOLOGY,
                feature_space=f"cmea-{len(features.columns)}",
                columns=features.columns,
                column_genes=None,
                values=features.values,
                table=_records(features),
            ),
            ProfileTable(
                source=NAME,
                path=expression,
                node_type=NodeType.EXPRESSION,
                feature_space=f"cmea-{len(symbols)}",
                columns=symbols,
                column_genes=tuple(Ref("symbol", symbol) for symbol in symbols),
                values=landmarks.values,
                table=_records(landmarks),
            ),
        ),
        files=(morphology, expression),
    )


def _records(matrix: Matrix) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line": matrix.text.index.to_numpy(),
            "record": matrix.text["pert_id"].to_numpy(),
            "namespace": "brd",
            "value": matrix.text["pert_id"].to_numpy(),
            "perturbation": Perturbation.COMPOUND.value,
        }
    )


def _renamed_genes(path: Path, symbols: tuple[str, ...]) -> GeneTable:
    there = [symbol for symbol in symbols if symbol in RENAMED_GENES]
    ids = np.array([RENAMED_GENES[symbol] for symbol in there], dtype=np.int64)
    return gene_table(NAME, path, [1] * len(there), ids, there)


SOURCE = Source(
    name=NAME,
    title="CMEA: Cell Painting (812 features) and L1000 (978 genes) of the same 162 compounds",
    origin="https://github.com/isarnassiri/CMEA",
    licence="GPL-2",
    files=("cell_morphology_profile.csv", "transcriptomic_profile.csv"),
    read=read,
)
