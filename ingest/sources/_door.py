"""The door of ingest: what a source yields is checked before anything is made of it.

A source checks its own columns while it reads, and says what its file lacks. Here is checked what all sources promise
alike (`ingest.records`), so that a new source, or a file that no source's author has thought of, is stopped with a
place in that file and not with a traceback from the middle of an ingest.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from graphdb.errors import InputError
from graphdb.schema import EDGES, NodeType
from ingest.records import (
    GENE_NAMESPACES,
    REJECT_COLUMNS,
    GeneTable,
    LinkTable,
    Perturbation,
    ProfileTable,
    SourceRecords,
    StructureTable,
)


def _each(test: Any, expected: str) -> pa.Check:
    return pa.Check(lambda column: column.map(test).astype(bool), error=expected)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


_LINE = pa.Column(checks=_each(lambda line: isinstance(line, int | np.integer) and line >= 0, "a number of a line"))
_TEXT = pa.Column(checks=_each(_is_text, "a text"))
_TEXT_OR_NONE = pa.Column(checks=_each(_is_text, "a text, or nothing"), nullable=True, required=False)
_TEXTS = _each(
    lambda value: isinstance(value, list | tuple) and all(isinstance(item, str) for item in value), "a list of texts"
)
_NUMBER_OR_NONE = pa.Column(
    checks=_each(lambda value: isinstance(value, int | float | np.number), "a number, or nothing"),
    nullable=True,
    required=False,
)


def _one_of(names: Iterable[str]) -> pa.Column:
    allowed = sorted(map(str, names))
    return pa.Column(checks=pa.Check.isin(allowed, error=f"one of {', '.join(allowed)}"))


_NAMESPACES = {
    NodeType.GENE: _one_of(GENE_NAMESPACES),
    NodeType.MOLECULE: pa.Column(
        checks=_each(lambda name: _is_text(name) and name not in GENE_NAMESPACES, "a namespace of molecules")
    ),
}
_STRUCTURES = pa.DataFrameSchema(
    {
        "line": _LINE,
        "namespace": _NAMESPACES[NodeType.MOLECULE],
        "value": _TEXT,
        **dict.fromkeys(("inchi", "name", "inchikey", "chembl", "drugbank", "brd", "jcp"), _TEXT_OR_NONE),
        # A row without a structure is no fault of the table: it becomes a reject of its own.
        "smiles": pa.Column(
            checks=_each(lambda value: isinstance(value, str), "a text, or nothing"), nullable=True, required=False
        ),
        "synonyms": pa.Column(checks=_TEXTS, required=False),
    }
)
_GENES = pa.DataFrameSchema(
    {
        "line": _LINE,
        "ncbi_id": pa.Column(checks=_each(lambda gene: isinstance(gene, int | np.integer) and gene > 0, "a gene id")),
        "symbol": pa.Column(checks=_each(_is_text, "a text, or nothing"), nullable=True),
        "name": pa.Column(checks=_each(_is_text, "a text, or nothing"), nullable=True),
        "synonyms": pa.Column(checks=_TEXTS),
        "ensembl": pa.Column(
            checks=_each(lambda value: _is_text(value) or isinstance(value, list), "a text, a list, or nothing"),
            nullable=True,
            required=False,
        ),
    }
)
_WITHDRAWN = pa.DataFrameSchema(
    {
        "line": _LINE,
        "ncbi_id": pa.Column(checks=_each(lambda gene: isinstance(gene, int | np.integer), "a gene id"), nullable=True),
        "symbol": pa.Column(checks=_each(_is_text, "a text, or nothing"), nullable=True),
        "replaced_by": pa.Column(checks=_each(lambda value: isinstance(value, list), "a list of genes")),
    }
)
_PROFILES = pa.DataFrameSchema(
    {
        "line": _LINE,
        "record": _TEXT,
        "namespace": _TEXT,
        "value": _TEXT,
        "perturbation": _one_of(Perturbation),
        "cell_line": _TEXT_OR_NONE,
        "plate": _TEXT_OR_NONE,
        "hours": _NUMBER_OR_NONE,
        "dose_um": _NUMBER_OR_NONE,
        "replicates": _NUMBER_OR_NONE,
    }
)
_REJECTS = pa.DataFrameSchema({name: pa.Column() for name in REJECT_COLUMNS})


def check(records: SourceRecords) -> SourceRecords:
    """Return `records` if they are what sources promise.

    Raises
    ------
    InputError
        With file, line, column and what was found, for the first fault of a table.
    """
    for structures in records.structures:
        _check(_STRUCTURES, structures.table, structures)
    for genes in records.genes:
        _check(_GENES, genes.table, genes)
        if genes.withdrawn is not None:
            _check(_WITHDRAWN, genes.withdrawn, genes)
    for links in records.links:
        _check(_links(links), links.table, links)
    for profiles in records.profiles:
        _check(_PROFILES, profiles.table, profiles)
        _check_matrix(profiles)
    _check(_REJECTS, records.rejects, None)
    return records


def _links(links: LinkTable) -> pa.DataFrameSchema:
    columns = {"line": _LINE, "src_value": _TEXT, "dst_value": _TEXT}
    for place, end in enumerate(("src", "dst")):
        node_types = {pair[place] for pair in EDGES[links.edge_type].endpoints}
        columns[f"{end}_namespace"] = _NAMESPACES[node_types.pop()] if len(node_types) == 1 else _TEXT
    return pa.DataFrameSchema(columns)


def _check(
    schema: pa.DataFrameSchema,
    table: pd.DataFrame,
    of: StructureTable | GeneTable | LinkTable | ProfileTable | None,
) -> None:
    path = Path() if of is None else of.path
    try:
        schema.validate(table.reset_index(drop=True))
    except pa.errors.SchemaError as error:
        what = "rejects" if of is None else type(of).__name__
        row, found = _first_case(error)
        if row is None:
            raise InputError(f"{what}: {' '.join(str(error).split())[:200]}", path=path) from None
        line = table["line"].iloc[row] if "line" in table else None
        expected = error.check.error if isinstance(error.check, pa.Check) else "something"
        raise InputError(
            f"{what}, {error.schema.name}: expected {expected}, found {found!r}"[:300],
            path=path,
            line=int(line) if isinstance(line, int | np.integer) else None,
        ) from None


def _first_case(error: pa.errors.SchemaError) -> tuple[int | None, object]:
    """Return the row of the first fault and what stands there; None where the fault is one of the whole table."""
    cases = error.failure_cases
    if not isinstance(cases, pd.DataFrame) or pd.isna(cases["index"].iloc[0]):
        return None, None
    found = cases["failure_case"].iloc[0]
    return int(cases["index"].iloc[0]), found.item() if isinstance(found, np.generic) else found


def _check_matrix(profiles: ProfileTable) -> None:
    shape = (len(profiles.table), len(profiles.columns))
    if profiles.values.shape != shape or profiles.values.dtype != np.float32:
        found = f"{profiles.values.dtype} of shape {profiles.values.shape}"
        raise InputError(f"profiles: expected float32 of shape {shape}, found {found}", path=profiles.path)
    if len(set(profiles.columns)) != len(profiles.columns):
        raise InputError("profiles: a feature stands twice", path=profiles.path)
    genes = profiles.column_genes
    if (genes is None) != (profiles.node_type == NodeType.MORPHOLOGY) or (genes is not None and len(genes) != shape[1]):
        raise InputError("profiles: expression needs a gene for each column, morphology has none", path=profiles.path)
