"""The CSV files of a bulk import, and the arguments that name them."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from graphdb.bulk import LIST_SEPARATOR, write_csv
from graphdb.errors import GraphError, InputError
from graphdb.meta import GraphMeta
from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

META = GraphMeta(("demo", "lincs"), "complete", "ab" * 32, version=3)
PROFILE = EdgeKind(EdgeType.HAS_MORPHOLOGY, NodeType.GENE, NodeType.MORPHOLOGY)


def graph(**molecule):
    """A gene and a profile of one name, and a molecule with these properties."""
    return GraphTables(
        {
            NodeType.MOLECULE: pd.DataFrame({"inchikey": ["A", "B"], **molecule}),
            NodeType.GENE: pd.DataFrame({"ncbi_id": [7, 1]}),
            NodeType.MORPHOLOGY: pd.DataFrame({"profile_id": ["0", "1"], "feature_space": "s"}),
        },
        {PROFILE: pd.DataFrame({"src": [1], "dst": ["1"], "weight": [1 / 3]})},
    )


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_and_arguments(tmp_path):
    folder = tmp_path / "csv"
    arguments = write_csv(graph(), META, folder)
    assert arguments[:4] == ["database", "import", "full", "neo4j"]
    assert "--overwrite-destination=true" in arguments
    assert "--multiline-fields=false" in arguments
    named = [argument.split("=")[2] for argument in arguments if argument.startswith(("--nodes=", "--relationships="))]
    assert sorted(named) == sorted(str(path) for path in folder.iterdir())
    assert f"--relationships=HAS_MORPHOLOGY={folder / 'edges-HAS_MORPHOLOGY-Gene-Morphology.csv'}" in arguments
    assert rows(folder / "nodes-Gene.csv") == [
        {":ID(Gene)": "0", "ncbi_id:long": "7"},
        {":ID(Gene)": "1", "ncbi_id:long": "1"},
    ]
    (edge,) = rows(folder / "edges-HAS_MORPHOLOGY-Gene-Morphology.csv")
    assert edge == {":START_ID(Gene)": "1", ":END_ID(Morphology)": "1", "weight:double": "0.3333333333333333"}
    (meta,) = rows(folder / "nodes-ContextGraph.csv")
    assert meta["sources:string[]"] == f"demo{LIST_SEPARATOR}lincs"
    assert (meta["version:long"], meta["content_hash:string"]) == ("3", "ab" * 32)


def test_missing_and_empty_differ(tmp_path):
    write_csv(graph(name=["", None], synonyms=[["b", "a"], []]), META, tmp_path / "csv")
    lines = (tmp_path / "csv" / "nodes-Molecule.csv").read_text().splitlines()
    assert lines == [
        ":ID(Molecule),inchikey:string,name:string,synonyms:string[]",
        f'0,"A","","a{LIST_SEPARATOR}b"',
        '1,"B",,',
    ]


@pytest.mark.parametrize("name", ["two\nlines", "two\rlines"])
def test_several_lines_are_told_to_the_importer(tmp_path, name):
    assert "--multiline-fields=true" in write_csv(graph(name=[name, None]), META, tmp_path / "csv")
    assert "--multiline-fields=true" in write_csv(graph(synonyms=[None, ["a", name]]), META, tmp_path / "csv")


def test_floats_are_exact(tmp_path):
    rng = np.random.default_rng(3)
    values = [*np.frombuffer(rng.bytes(8 * 2000), dtype=np.float64)]
    values = [value for value in values if np.isfinite(value)] + [np.inf, -np.inf]
    profiles = pd.DataFrame({"profile_id": [str(index) for index in range(len(values))], "dose_um": values})
    for finite in (profiles.iloc[:-2], profiles):
        write_csv(GraphTables({NodeType.MORPHOLOGY: finite}), META, tmp_path / "csv")
        read = [float(row["dose_um:double"]) for row in rows(tmp_path / "csv" / "nodes-Morphology.csv")]
        assert read == finite["dose_um"].tolist()
    # Java knows no "inf".
    assert rows(tmp_path / "csv" / "nodes-Morphology.csv")[-1]["dose_um:double"] == "-Infinity"


@pytest.mark.parametrize("synonyms", [[["a\x1fb"], None], [[""], None]])
def test_list_that_cannot_be_written_is_an_error(tmp_path, synonyms):
    with pytest.raises(InputError, match="bulk import"):
        write_csv(graph(synonyms=synonyms), META, tmp_path / "csv")
    assert not (tmp_path / "csv").exists()


def test_what_is_no_graph_is_an_error(tmp_path):
    tables = graph()
    tables.edges[PROFILE]["dst"] = ["2"]
    with pytest.raises(GraphError, match="that are no nodes"):
        write_csv(tables, META, tmp_path / "csv")


def test_folder_that_the_importer_would_split_is_an_error(tmp_path):
    with pytest.raises(InputError, match="comma"):
        write_csv(graph(), META, tmp_path / "a,b")
