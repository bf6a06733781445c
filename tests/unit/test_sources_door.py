"""What a source yields is checked at the door: a fault is one line with file, line, column and what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from graphdb.schema import EdgeType, NodeType
from ingest.records import GeneTable, LinkTable, ProfileTable, Ref, SourceRecords, StructureTable
from ingest.sources._door import check
from ingest.sources._source import Source

PATH = Path("/data/x.csv")


def structures(**cells: Any) -> SourceRecords:
    rows = {"line": [2, 3], "namespace": "brd", "value": ["B1", "B2"], "smiles": ["CCO", None], "name": [None, "two"]}
    return SourceRecords(structures=(StructureTable("s", PATH, pd.DataFrame({**rows, **cells}), is_node=True),))


def genes(**cells: Any) -> SourceRecords:
    rows = {"line": [2, 3], "ncbi_id": [1, 2], "symbol": ["A", None], "name": [None, None], "synonyms": [[], ["a"]]}
    return SourceRecords(genes=(GeneTable("s", PATH, pd.DataFrame({**rows, **cells})),))


def links(edge_type: EdgeType = EdgeType.BINDS, **cells: Any) -> SourceRecords:
    rows = {"line": [2, 3], "src_namespace": "brd", "src_value": ["B1", "B2"]}
    rows |= {"dst_namespace": "ncbi", "dst_value": ["1", "2"]}
    return SourceRecords(links=(LinkTable("s", PATH, edge_type, pd.DataFrame({**rows, **cells})),))


def profiles(of: dict[str, Any] | None = None, **cells: Any) -> SourceRecords:
    rows = {"line": [2, 3], "record": ["a", "b"], "namespace": "mine", "value": ["x", "y"], "perturbation": "compound"}
    table = pd.DataFrame({**rows, "hours": [24.0, np.nan], **cells})
    values = np.zeros((2, 3), np.float32)
    made = ProfileTable("s", PATH, NodeType.MORPHOLOGY, "space", ("f1", "f2", "f3"), None, values, table)
    return SourceRecords(profiles=(replace(made, **(of or {})),))


@pytest.mark.parametrize("make", [structures, genes, links, profiles, SourceRecords])
def test_what_is_as_promised_goes_through(make: Any) -> None:
    records = make()
    assert check(records) is records


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (structures(line=[2, "x"]), "StructureTable, line: expected a number of a line, found 'x'"),
        (structures(value=["B1", ""]), "x.csv:3: StructureTable, value: expected a text, found ''"),
        (structures(value=["B1", None]), "x.csv:3: StructureTable, value: expected something, found nan"),
        (structures(namespace="symbol"), "x.csv:2: .*namespace: expected a namespace of molecules, found 'symbol'"),
        (structures(name=[None, 2.5]), "x.csv:3: StructureTable, name: expected a text, or nothing, found 2.5"),
        (structures(synonyms=[[], "a"]), "x.csv:3: StructureTable, synonyms: expected a list of texts, found 'a'"),
        (genes(ncbi_id=[1, 0]), "x.csv:3: GeneTable, ncbi_id: expected a gene id, found 0"),
        (genes(ncbi_id=[1.0, 2.0]), "x.csv:2: GeneTable, ncbi_id: expected a gene id, found 1.0"),
        (
            links(dst_namespace=["ncbi", "brd"]),
            "x.csv:3: .*dst_namespace: expected one of ensembl, ncbi, symbol, found",
        ),
        (links(EdgeType.INTERACTS), "x.csv:2: LinkTable, src_namespace: expected one of ensembl, ncbi, symbol"),
        (profiles(perturbation=["compound", "x"]), "x.csv:3: .*expected one of compound, crispr, orf, found 'x'"),
        (profiles(hours=[1.0, "24 h"]), "x.csv:3: ProfileTable, hours: expected a number, or nothing, found '24 h'"),
        (profiles({"values": np.zeros((2, 2), np.float32)}), r"expected float32 of shape \(2, 3\), found float32 of"),
        (profiles({"values": np.zeros((2, 3))}), r"expected float32 of shape \(2, 3\), found float64"),
        (profiles({"columns": ("a", "b", "a")}), "x.csv: profiles: a feature stands twice"),
        (profiles({"node_type": NodeType.EXPRESSION}), "expression needs a gene for each column"),
        (profiles({"column_genes": (Ref("ncbi", "1"),)}), "expression needs a gene for each column"),
        (SourceRecords(rejects=pd.DataFrame({"line": [1]})), "rejects: .*source"),
    ],
)
def test_a_fault_is_one_line(records: SourceRecords, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        check(records)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "column"),
    [
        *[(structures, name) for name in ("line", "namespace", "value")],
        *[(genes, name) for name in ("line", "ncbi_id", "symbol", "name", "synonyms")],
        *[(links, name) for name in ("line", "src_namespace", "src_value", "dst_namespace", "dst_value")],
        *[(profiles, name) for name in ("line", "record", "namespace", "value", "perturbation")],
    ],
)
def test_a_missing_column_is_named(make: Any, column: str) -> None:
    records = make()
    (table,) = records.structures or records.genes or records.links or records.profiles
    table.table.drop(columns=column, inplace=True)
    with pytest.raises(InputError, match=f"x.csv.*: column '{column}' not in"):
        check(records)


def test_every_source_goes_through_the_door(tmp_path: Path) -> None:
    source = Source("s", "", "", "", (), lambda _: structures(value=["B1", ""]))
    with pytest.raises(InputError, match="expected a text"):
        source.records(tmp_path)
