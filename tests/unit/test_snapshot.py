"""The snapshot: numbering, merging, looking up, taking nodes out, saving and loading."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.tables import EdgeKind, GraphTables

M, G, P, X = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY, NodeType.EXPRESSION

# 0 - 1 (two parallel edges, the other way round: .2 and .7), 1 - 2 (.5), 2 - 2 (a self-loop), 3 alone.
HAND = {"node_type": [0, 1, 2, 0], "src": [0, 1, 1, 2], "dst": [1, 0, 2, 2], "weight": [0.2, 0.7, 0.5, 1.0]}


def hand(**changes: object) -> Snapshot:
    return Snapshot.from_edges(**{**HAND, **changes})


def tables() -> GraphTables:
    return GraphTables(
        nodes={
            G: pd.DataFrame({"ncbi_id": [10, 9, 5290]}),
            M: pd.DataFrame({"inchikey": ["B", "A"], "name": ["b", None]}),
            P: pd.DataFrame({"profile_id": ["p1"]}),
        },
        edges={
            EdgeKind(EdgeType.BINDS, M, G): pd.DataFrame({"src": ["A", "A"], "dst": [9, 10], "weight": [0.25, 0.5]}),
            EdgeKind(EdgeType.TARGETS, M, G): pd.DataFrame({"src": ["A"], "dst": [9], "weight": [1.0]}),
            EdgeKind(EdgeType.HAS_MORPHOLOGY, M, P): pd.DataFrame({"src": ["B"], "dst": ["p1"], "weight": [1.0]}),
            EdgeKind(EdgeType.INTERACTS, G, G): pd.DataFrame({"src": [9], "dst": [10], "weight": [1.0]}),
        },
    )


def neighbours(snapshot: Snapshot, node: int) -> dict[int, float]:
    row = slice(snapshot.indptr[node], snapshot.indptr[node + 1])
    return dict(zip(snapshot.indices[row].tolist(), snapshot.weights[row].tolist(), strict=True))


def test_parallel_edges_become_one_with_the_largest_weight_and_self_loops_go() -> None:
    snapshot = hand()
    assert neighbours(snapshot, 0) == {1: pytest.approx(0.7)}
    assert neighbours(snapshot, 1) == {0: pytest.approx(0.7), 2: 0.5}
    assert neighbours(snapshot, 2) == {1: 0.5}
    assert neighbours(snapshot, 3) == {}
    assert snapshot.number_of_nodes == 4
    assert snapshot.number_of_edges == 2
    assert snapshot.degree.tolist() == [1, 2, 1, 0]


def test_arrays_have_the_stated_dtypes_and_are_read_only() -> None:
    snapshot = hand()
    dtypes = {"indptr": np.int64, "indices": np.int32, "weights": np.float32, "node_type": np.uint8}
    for name, dtype in dtypes.items():
        array = getattr(snapshot, name)
        assert array.dtype == dtype
        with pytest.raises(ValueError, match="read-only"):
            array[:1] = 0
    assert snapshot.keys.tolist() == ["0", "1", "2", "3"]


def test_making_a_snapshot_leaves_the_callers_arrays_as_they_are() -> None:
    types, keys = np.array([0, 0], dtype=np.uint8), np.array(["a", "b"])
    Snapshot.from_edges(types, [0], [1], [1.0], keys)
    types[0], keys[0] = 1, "c"


def test_tables_are_numbered_by_type_and_key() -> None:
    snapshot = Snapshot.from_tables(tables(), graph_hash="h")
    assert snapshot.keys.tolist() == ["A", "B", "10", "5290", "9", "p1"]
    assert snapshot.node_type.tolist() == [0, 0, 1, 1, 1, 2]
    assert snapshot.graph_hash == "h"
    # TARGETS (1) and BINDS (.25) between A and gene 9 are parallel.
    assert neighbours(snapshot, 0) == {2: 0.5, 4: 1.0}
    assert neighbours(snapshot, 4) == {0: 1.0, 2: 1.0}
    assert neighbours(snapshot, 3) == {}


def test_tables_restricted_to_edge_types() -> None:
    snapshot = Snapshot.from_tables(tables(), edge_types=[EdgeType.BINDS])
    assert neighbours(snapshot, 0) == {2: 0.5, 4: 0.25}
    assert snapshot.number_of_edges == 2
    assert snapshot.number_of_nodes == 6


def test_gene_ids_that_passed_through_floats_are_the_same_genes() -> None:
    frame = tables().nodes[G].astype(float)
    snapshot = Snapshot.from_tables(GraphTables(nodes={**tables().nodes, G: frame}, edges=tables().edges))
    assert snapshot.id == Snapshot.from_tables(tables()).id


def test_the_id_is_of_the_content() -> None:
    first = Snapshot.from_tables(tables(), graph_hash="h")
    turned = GraphTables(
        nodes={node_type: table.iloc[::-1] for node_type, table in reversed(tables().nodes.items())},
        edges={kind: table.iloc[::-1] for kind, table in reversed(tables().edges.items())},
    )
    assert Snapshot.from_tables(turned).id == first.id
    ids = {
        hand().id,
        hand(weight=[0.2, 0.7, 0.25, 1.0]).id,
        hand(node_type=[0, 1, 2, 1]).id,
        hand(dst=[1, 0, 3, 2]).id,
        hand(keys=["0", "1", "2", "4"]).id,
        # Joined without their lengths these keys would be those above.
        hand(keys=["01", "", "2", "4"]).id,
    }
    assert len(ids) == 6


def test_minus_zero_is_zero() -> None:
    assert hand(weight=[0.2, 0.7, -0.0, 1]).id == hand(weight=[0.2, 0.7, 0.0, 1]).id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": [0.2, 1.5, 0.5, 1]}, r"edge 1 has 1\.5"),
        ({"weight": [0.2, 0.5, -0.1, 1]}, r"edge 2 has -0\.1"),
        ({"weight": [0.2, np.nan, 0.5, 1]}, "edge 1 has nan"),
        ({"weight": [np.inf, 0.1, 0.5, 1]}, "edge 0 has inf"),
        ({"dst": [1, 0, 4, 2]}, "node 4 does not exist"),
        ({"src": [-1, 1, 1, 2]}, "node -1 does not exist"),
        ({"src": [0.5, 1, 1, 2]}, "expected a list of node numbers"),
        ({"node_type": [0, 1, 2, 4]}, "codes 0 … 3"),
        ({"node_type": [0.0, 1.0, 2.0, 3.0]}, "codes 0 … 3"),
        ({"keys": ["a", "b", "c"]}, "4 nodes but 3 keys"),
        ({"keys": ["a", "b", "c", "a"]}, "Molecule: the key 'a' stands there more than once"),
        ({"weight": [0.5]}, "4 sources, 4 targets and 1 weights"),
    ],
)
def test_bad_edges_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        hand(**changes)


def test_one_key_may_stand_in_two_types() -> None:
    assert hand(keys=["a", "a", "a", "b"]).number_of_nodes == 4


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"src": ["A"], "dst": [11], "weight": [1.0]}, "BINDS names the Gene '11'"),
        ({"src": ["C"], "dst": [9], "weight": [1.0]}, "BINDS names the Molecule 'C'"),
        ({"src": ["A"], "dst": [None], "weight": [1.0]}, "BINDS has a row without 'dst'"),
        ({"src": ["A"], "dst": [9], "weight": [None]}, "BINDS has a weight that is not a number"),
        ({"src": ["A"], "dst": [9], "weight": [2.0]}, "BINDS has a weight that is not a number"),
        ({"src": ["A"], "dst": [9]}, "BINDS has no column 'weight'"),
        ({"src": ["A"], "weight": [1.0]}, "BINDS has no column 'dst'"),
    ],
)
def test_bad_tables_are_refused_naming_the_edge_type(table: dict[str, list[object]], message: str) -> None:
    edges = {EdgeKind(EdgeType.BINDS, M, G): pd.DataFrame(table)}
    with pytest.raises(InputError, match=message):
        Snapshot.from_tables(GraphTables(nodes=tables().nodes, edges=edges))


def test_a_node_twice_or_without_key_is_refused() -> None:
    with pytest.raises(InputError, match="Molecule: the key 'A'"):
        Snapshot.from_tables(GraphTables(nodes={M: pd.DataFrame({"inchikey": ["A", "A"]})}))
    with pytest.raises(InputError, match="row without 'inchikey'"):
        Snapshot.from_tables(GraphTables(nodes={M: pd.DataFrame({"inchikey": ["A", None]})}))


def test_looking_up() -> None:
    snapshot = Snapshot.from_tables(tables())
    assert snapshot.nodes(G).tolist() == [2, 3, 4]
    assert snapshot.nodes(X).tolist() == []
    assert snapshot.nodes(G).dtype == np.int32
    assert snapshot.index_of(G, [9, 11, 10]).tolist() == [4, -1, 2]
    assert snapshot.index_of(G, ["5290"]).tolist() == [3]
    assert snapshot.index_of(M, ["B", "9", "B"]).tolist() == [1, -1, 1]
    assert snapshot.index_of(X, ["B"]).tolist() == [-1]
    assert snapshot.index_of(M, []).tolist() == []


def test_without_keeps_the_numbering_and_takes_the_edges() -> None:
    whole = Snapshot.from_tables(tables(), graph_hash="h")
    less = whole.without([4])
    assert less.keys.tolist() == whole.keys.tolist()
    assert less.graph_hash == "h"
    assert less.degree.tolist() == [1, 1, 1, 0, 0, 1]
    assert neighbours(less, 0) == {2: 0.5}
    assert less.id != whole.id
    assert less.without([0, 4]).number_of_edges == 1
    assert whole.without([]).id == whole.id
    with pytest.raises(InputError, match="node 6 does not exist"):
        whole.without([6])


def test_a_saved_snapshot_is_mapped_and_the_same(tmp_path: Path) -> None:
    whole = Snapshot.from_tables(tables(), graph_hash="h")
    whole.save(tmp_path / "snapshot", edge_types=["BINDS"])
    whole.save(tmp_path / "snapshot")
    loaded = Snapshot.load(tmp_path / "snapshot")
    assert (loaded.id, loaded.graph_hash) == (whole.id, "h")
    for name in ("indptr", "indices", "weights", "node_type", "keys"):
        assert isinstance(getattr(loaded, name), np.memmap)
        np.testing.assert_array_equal(getattr(loaded, name), getattr(whole, name))
    # Computed anew from what was read, so the files hold what the id stands for.
    assert loaded.without([]).id == whole.id
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_typed_edges_are_those_of_the_graph(tmp_path: Path) -> None:
    snapshot = Snapshot.from_tables(tables())
    snapshot.save(tmp_path / "snapshot")
    for one in (snapshot, Snapshot.load(tmp_path / "snapshot")):
        typed = one.typed
        assert typed is not None
        types, keys = list(EdgeType), one.keys
        edges = zip(typed.edge_src, typed.edge_dst, typed.edge_type, typed.edge_weight, strict=True)
        assert [(types[code], keys[a], keys[b], weight) for a, b, code, weight in edges] == [
            (EdgeType.HAS_MORPHOLOGY, "B", "p1", 1.0),
            (EdgeType.INTERACTS, "9", "10", 1.0),
            (EdgeType.BINDS, "A", "10", 0.5),
            (EdgeType.BINDS, "A", "9", 0.25),
            (EdgeType.TARGETS, "A", "9", 1.0),
        ]
    gene = snapshot.index_of(G, [9])
    assert [types[code] for code in snapshot.without(gene).typed.edge_type] == [EdgeType.HAS_MORPHOLOGY, EdgeType.BINDS]


def test_topology_of_some_edge_types_is_that_of_their_edges_alone(tmp_path: Path) -> None:
    Snapshot.from_tables(tables(), graph_hash="h").save(tmp_path)
    kept = [EdgeType.BINDS, EdgeType.INTERACTS]
    restricted = Snapshot.load(tmp_path).of_edge_types(kept)
    assert restricted.id == Snapshot.from_tables(tables(), edge_types=kept).id
    assert restricted.graph_hash == "h"
    assert neighbours(restricted, 0) == {2: 0.5, 4: 0.25}  # without TARGETS the weight of A - 9 is that of BINDS
    assert restricted.of_edge_types(list(EdgeType)).id == restricted.id
    with pytest.raises(InputError, match="types of its edges are not known"):
        hand().of_edge_types(kept)


def test_an_empty_snapshot_can_be_saved(tmp_path: Path) -> None:
    Snapshot.from_tables(GraphTables()).save(tmp_path / "snapshot")
    assert Snapshot.load(tmp_path / "snapshot").number_of_nodes == 0


@pytest.mark.parametrize("name", ["indptr", "indices", "weights", "node_type", "keys", "edge_dst"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove", "exchange"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage: str) -> None:
    Snapshot.from_tables(tables()).save(tmp_path)
    path = tmp_path / f"{name}.npy"
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(content[:-3])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "exchange":
        np.save(path, np.zeros((3, 3)))
    else:
        path.unlink()
    with pytest.raises(ArtefactError, match=f"{name}.npy"):
        Snapshot.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "feature store"}, "expected a snapshot, found a 'feature store'"),
        ({"schema_version": 0}, "made for schema 0.*python -m graphdb.snapshot"),
        ({"arrays": None}, "lists no arrays"),
        ({"arrays": {}}, "does not list the array 'indptr'"),
        ({"id": None}, "states no id"),
    ],
)
def test_another_manifest_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    hand().save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    with pytest.raises(ArtefactError, match=message):
        Snapshot.load(tmp_path)


def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    hand().save(tmp_path / "a")
    hand(dst=[1, 0, 3, 3]).save(tmp_path / "b")
    (tmp_path / "b" / "indptr.npy").write_bytes((tmp_path / "a" / "indptr.npy").read_bytes())
    manifests = [json.loads((tmp_path / name / "manifest.json").read_text()) for name in "ab"]
    manifests[1]["arrays"]["indptr"] = manifests[0]["arrays"]["indptr"]
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifests[1]))
    with pytest.raises(ArtefactError, match="do not fit each other"):
        Snapshot.load(tmp_path / "b")


def test_a_missing_snapshot_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no snapshot here; make it with: python -m ingest\.all"):
        Snapshot.load(tmp_path / "nothing")
