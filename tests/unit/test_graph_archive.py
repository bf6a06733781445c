"""The file of a backup: what goes in comes out, and a damaged file is told from a whole one."""

from __future__ import annotations

import json
import random
import zipfile

import numpy as np
import pandas as pd
import pytest

from graphdb.archive import opened_archive, write_archive
from graphdb.content import content_hash
from graphdb.errors import ArtefactError, GraphError
from graphdb.schema import EMBEDDING_DIMENSION, EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

CHANGES = EdgeKind(EdgeType.CHANGES_EXPRESSION, NodeType.MOLECULE, NodeType.GENE)
MODEL = "ab" * 32


def graph(weight=1 / 3):
    return GraphTables(
        {
            NodeType.MOLECULE: pd.DataFrame(
                {"inchikey": ["B", "A"], "name": ["", None], "synonyms": [["x\x1f\n", ""], []]}
            ),
            NodeType.GENE: pd.DataFrame({"ncbi_id": [5742, 7], "symbol": ["PTGS1", "µ"]}),
            NodeType.MORPHOLOGY: pd.DataFrame(
                {
                    "profile_id": ["1", "2"],
                    "replicates": pd.array([2**53 + 1, None], dtype="Int64"),
                    "dose_um": [np.inf, np.nan],
                    "simulated": [True, None],
                }
            ),
        },
        {
            CHANGES: pd.DataFrame(
                {"src": ["A", "A"], "dst": [7, 5742], "weight": weight, "value": [5e-324, -3.25], "feature_space": "s"}
            )
        },
    )


def pages():
    vectors = np.random.default_rng(1).standard_normal((3, EMBEDDING_DIMENSION)).astype(np.float32)
    return [(["A", "B"], vectors[:2]), (["C"], vectors[2:])]


@pytest.fixture
def file(tmp_path):
    write_archive(tmp_path / "graph.zip", graph(), ("demo",), embeddings=pages(), embedding_model=MODEL)
    return tmp_path / "graph.zip"


def rewritten(file, change, **more):
    """Write the archive anew with the manifest changed, and with other files."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(content["manifest.json"])
    change(manifest)
    content["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {**content, **more}.items():
            archive.writestr(name, data)


def refused(file, reason):
    with pytest.raises(ArtefactError, match=reason) as caught, opened_archive(file):
        pass
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_goes_in_comes_out(file):
    with opened_archive(file) as archive:
        assert content_hash(archive.tables) == archive.content_hash == content_hash(graph())
        assert archive.tables.nodes[NodeType.MORPHOLOGY]["replicates"].tolist() == [2**53 + 1, None]
        assert archive.tables.nodes[NodeType.MOLECULE].set_index("inchikey")["synonyms"]["B"] == ["", "x\x1f\n"]
        assert (archive.sources, archive.embedding_model) == (("demo",), MODEL)
        keys, vectors = archive.embeddings()
        assert keys == ["A", "B", "C"]
        np.testing.assert_array_equal(vectors, np.concatenate([page for _, page in pages()]))
        folder = archive.folder
    assert not folder.exists()


def test_empty_graph(tmp_path):
    manifest = write_archive(tmp_path / "graph.zip", GraphTables(), ())
    assert manifest["files"] == {}
    with opened_archive(tmp_path / "graph.zip") as archive:
        assert archive.content_hash == content_hash(GraphTables())
        assert archive.embeddings()[1].shape == (0, EMBEDDING_DIMENSION)


def test_every_damage_is_noticed(file):
    """A byte changed anywhere, or the end cut off: an error in one line, or the very same graph and embeddings."""
    whole = file.read_bytes()
    rng = random.Random(0)
    damages = [whole[: rng.randrange(len(whole))] for _ in range(40)]
    for _ in range(150):
        at = rng.randrange(len(whole))
        damages.append(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
    said = []
    for damage in damages:
        file.write_bytes(damage)
        try:
            with opened_archive(file) as archive:
                assert content_hash(archive.tables) == content_hash(graph())
                np.testing.assert_array_equal(archive.embeddings()[1], np.concatenate([page for _, page in pages()]))
        except ArtefactError as error:
            said.append(str(error))
    assert len(said) > 150
    assert all(str(file) in text and "\n" not in text for text in said)


def test_wrong_kind_version_hash_and_names(file):
    whole = file.read_bytes()
    for change, reason in [
        (lambda m: m.update(kind="snapshot"), "expected a graph backup, found a 'snapshot'"),
        (lambda m: m.update(schema_version=99), "schema version 99, this platform has"),
        (lambda m: m.update(content_hash="0" * 64), "its manifest says 0000000000000000"),
        (lambda m: m.pop("sources"), "sources"),
        (lambda m: m.pop("files"), "files"),
        (lambda m: m["files"]["nodes-Gene.parquet"].update(sha256="0" * 64), "nodes-Gene.parquet is damaged"),
        (lambda m: m["files"]["nodes-Gene.parquet"].update(bytes=3), "nodes-Gene.parquet is not what"),
        (lambda m: m["files"].pop("nodes-Gene.parquet"), "content hash"),
        (lambda m: m["files"].pop("embeddings.parquet"), "embeddings"),
    ]:
        file.write_bytes(whole)
        rewritten(file, change)
        refused(file, reason)


def test_nothing_is_written_beside_the_folder(file, tmp_path):
    about = {"sha256": "0" * 64, "bytes": 4}
    rewritten(file, lambda m: m["files"].update({"../evil": about}), **{"../evil": b"evil"})
    refused(file, "evil is not what the manifest says")


def test_other_files_are_refused(tmp_path):
    other = tmp_path / "graph.zip"
    for content in (b"", b"PK\x03\x04", b"not a zip" * 100):
        other.write_bytes(content)
        refused(other, "not a graph backup")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("x", "y")
    refused(other, "not a graph backup")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", "[1]")
    refused(other, "not a graph backup")


def test_what_is_no_graph_is_not_written(tmp_path):
    tables = graph()
    tables.edges[CHANGES]["dst"] = [7, 8]
    with pytest.raises(GraphError, match="that are no nodes: 8"):
        write_archive(tmp_path / "graph.zip", tables, ())
    assert not (tmp_path / "graph.zip").exists()
