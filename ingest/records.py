"""What sources yield: records in tables, each with its place in a file. Sources read; they never resolve or write.

Tables rather than objects, since the largest file here has half a million rows: one column a field, one row a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.schema import EdgeType, NodeType


class Ref(NamedTuple):
    """Names a molecule or a gene in a namespace .

    Of genes: `GENE_NAMESPACES`. Of molecules: ``inchikey``, ``brd``, ``drugbank``, ``chembl``, ``jcp``, ``smiles``, and
    a source's own name where its files number molecules by themselves.
    """

    namespace: str
    value: str


GENE_NAMESPACES = ("ncbi", "symbol", "ensembl")
"""Namespaces that name a gene; every other one names a molecule."""


class Perturbation(StrEnum):
    """How a treatment was made."""

    COMPOUND = "compound"
    CRISPR = "crispr"
    ORF = "orf"


@dataclass(frozen=True)
class StructureTable:
    """Structures of molecules under some identifier.

    Attributes
    ----------
    source
        Name of the source, e.g. ``"lincs"``.
    path
        The file.
    table
        Columns ``line`` (int, 1-based, header included), ``namespace``, ``value`` (the identifier), ``smiles`` and/or
        ``inchi`` (str or None), ``name`` (str or None), and any of the columns ``inchikey`` (as the source states it),
        ``synonyms`` (list of str), ``chembl``, ``drugbank``, ``brd``, ``jcp`` (further identifiers, str or None).
    is_node
        True: each becomes a Molecule. False: a look-up table, whose rows are used only where a profile or a link refers
        to them.
    """

    source: str
    path: Path
    table: pd.DataFrame
    is_node: bool


@dataclass(frozen=True)
class GeneTable:
    """Genes by NCBI id; always a look-up table (a gene becomes a node when something refers to it).

    Attributes
    ----------
    source, path
        Where it comes from.
    table
        Columns ``line``, ``ncbi_id`` (int), ``symbol`` (str, or None where only the id is known), ``name`` (str or
        None), ``synonyms`` (list of str, may be empty), and, if there, ``ensembl`` (list of Ensembl gene ids, one id,
        or None).
    withdrawn
        What was withdrawn, where the source says so: columns ``line``, ``ncbi_id`` (Int64, NA where only a symbol was
        withdrawn), ``symbol`` (str or None), ``replaced_by`` (list of `Ref` to genes; empty where nothing replaces
        it). The genes in the tables of such a source are living ones, whatever its own list of withdrawals says; a
        withdrawn gene that only tables of other sources hold is not.
    """

    source: str
    path: Path
    table: pd.DataFrame
    withdrawn: pd.DataFrame | None = None


@dataclass(frozen=True)
class ProfileTable:
    """Profiles in one feature space.

    Attributes
    ----------
    source, path
        Where they come from.
    node_type
        ``Morphology`` or ``Expression``.
    feature_space
        Name of the feature space, e.g. ``"cmea-812"``.
    columns
        Names of the d features, in order.
    column_genes
        For expression: what gene each column is (a namespace of genes); else None.
    values
        (n, d) float32; NaN for missing, ±inf as found in the file.
    table
        n rows: ``line`` (int), ``record`` (str, the source's own name of the row, unique in source and feature space),
        ``namespace``, ``value`` (the perturbagen), ``perturbation`` (`Perturbation` value), and any of ``cell_line``,
        ``hours``, ``dose_um``, ``plate``, ``replicates``.
    simulated
        True where no instrument measured them.
    """

    source: str
    path: Path
    node_type: NodeType
    feature_space: str
    columns: tuple[str, ...]
    column_genes: tuple[Ref, ...] | None
    values: npt.NDArray[np.float32]
    table: pd.DataFrame
    simulated: bool = False


@dataclass(frozen=True)
class LinkTable:
    """Curated edges.

    Attributes
    ----------
    source, path
        Where they come from.
    edge_type
        The edge type.
    table
        Columns ``line``, ``src_namespace``, ``src_value``, ``dst_namespace``, ``dst_value``. The namespaces say whether
        an end is a molecule or a gene.
    """

    source: str
    path: Path
    edge_type: EdgeType
    table: pd.DataFrame


REJECT_COLUMNS = ("source", "file", "line", "key", "reason", "kept")
"""Columns of ``rejects.parquet``. `kept` is True where the record was mended and used, False where it was left out."""


def rejects_table(
    source: str, path: Path | str, lines: object, keys: object, reason: object, *, kept: bool = False
) -> pd.DataFrame:
    """Return reject rows; `lines`, `keys` and `reason` are scalars or equally long sequences."""
    return pd.DataFrame(
        {"source": source, "file": str(path), "line": lines, "key": keys, "reason": reason, "kept": kept},
        columns=list(REJECT_COLUMNS),
    )


@dataclass(frozen=True)
class SourceRecords:
    """All that one source yields.

    Attributes
    ----------
    structures, genes, profiles, links
        The records.
    rejects
        Rows that the source itself cannot make a record of (columns `REJECT_COLUMNS`).
    files
        Every file that was read.
    """

    structures: tuple[StructureTable, ...] = ()
    genes: tuple[GeneTable, ...] = ()
    profiles: tuple[ProfileTable, ...] = ()
    links: tuple[LinkTable, ...] = ()
    rejects: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(REJECT_COLUMNS)))
    files: tuple[Path, ...] = ()
