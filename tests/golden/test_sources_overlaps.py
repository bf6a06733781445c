"""Numbers that the data's own README states, found again through sources, standardisation and assembly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest.assemble import Assembled, assemble
from ingest.options import IngestOptions
from ingest.records import SourceRecords
from ingest.sources import SOURCES

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def records(shared_data: Path) -> dict[str, SourceRecords]:
    return {name: SOURCES[name].records(shared_data / name) for name in ("lincs", "cmea", "cpjump1", "drugbank")}


@pytest.fixture(scope="module")
def assembled(records: dict[str, SourceRecords]) -> Assembled:
    return assemble(records, IngestOptions())


def correlation(assembled: Assembled, one: str, other: str) -> float:
    """Pearson's r of the LINCS profiles of two drugs, by way of nodes and edges."""
    tables = assembled.tables
    named = next(table for kind, table in tables.edges.items() if kind.edge_type == "HAS_EXPRESSION")
    molecules = next(table for node_type, table in tables.nodes.items() if node_type == "Molecule")
    matrix = next(m for m in assembled.features if m.feature_space.startswith("lincs"))
    rows = []
    for drug in (one, other):
        key = molecules.loc[[drug in ids for ids in molecules["drugbank_ids"]], "inchikey"].item()
        profiles = named.loc[named["src"] == key, "dst"]
        rows.append(matrix.values[np.isin(matrix.keys, profiles.to_numpy(object))].reshape(-1))
    return float(np.corrcoef(rows)[0, 1])


@pytest.mark.parametrize(
    ("one", "other", "r"),
    [("DB00877", "DB06287", 0.87), ("DB00641", "DB00227", 0.86)],
    ids=["sirolimus, temsirolimus", "simvastatin, lovastatin"],
)
def test_rows_are_not_shuffled(assembled: Assembled, one: str, other: str, r: float) -> None:
    assert correlation(assembled, one, other) == pytest.approx(r, abs=0.005)


def first_blocks(assembled: Assembled, source: str) -> set[str]:
    molecules = next(table for node_type, table in assembled.tables.nodes.items() if node_type == "Molecule")
    of_source = [source in sources for sources in molecules["sources"]]
    return {key[:14] for key in molecules.loc[of_source, "inchikey"]}


@pytest.mark.parametrize(
    ("source", "task", "stated"),
    [
        ("lincs", "chembl2k", 331),
        ("lincs", "broad6k", 13),
        ("cmea", "chembl2k", 19),
        ("cmea", "broad6k", 62),
        ("cpjump1", "chembl2k", 54),
        ("cpjump1", "broad6k", 3),
    ],
)
def test_overlaps_with_the_benchmarks(
    assembled: Assembled, shared_data: Path, source: str, task: str, stated: int
) -> None:
    """Stated by the keys of the files as they are; standardisation makes neutral parents, so a few more are found."""
    benchmark = pd.read_csv(shared_data / "infoalign" / task / "assays.csv.gz", dtype=str)
    keys = set(benchmark["inchikey"].dropna().str[:14])
    found = len(first_blocks(assembled, source) & keys)
    print(source, task, found)
    assert abs(found - stated) <= max(2, 0.03 * stated)
