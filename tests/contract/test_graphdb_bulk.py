"""A first load without a running server: Neo4j holds after it what a load over Bolt writes."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

import graphdb
from graphdb import neo4j_server, process
from graphdb.bulk import write_csv
from graphdb.content import content_hash
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, read_meta
from graphdb.process import free_ports
from graphdb.schema import EdgeType, NodeType
from graphdb.sync import sync
from graphdb.tables import EdgeKind
from graphdb.workspace import Workspace

pytestmark = pytest.mark.graph

TEXTS = [
    "",
    " ",
    " spaces around ",
    'quotes "in" it, and a comma',
    '"',
    "one line\nanother\r\nand a third",
    "backslash \\",
    '\\"',
    "tab\tand bell \x07",
    "null",
    "NaN",
    "[a;b|c]",
    "µ 中文 🧬 \u2028 e\u0301",
    "long " * 20_000,
    "=1+1",
    "#",
]
FLOATS = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 1 / 3, 123456789012345680.0, 2.0]


@pytest.fixture
def awkward_graph(small_graph):
    """The small graph, and texts, numbers and keys that a CSV file may spoil."""
    texts = pd.DataFrame({"inchikey": [f"TEXT-{index}" for index in range(len(TEXTS))], "smiles": "C", "name": TEXTS})
    texts["synonyms"] = [[text, "x"] if text else None for text in TEXTS]
    molecules = pd.concat([small_graph.nodes[NodeType.MOLECULE], texts], ignore_index=True)
    # Beside Gene 5742, a profile of that name.
    numbers = pd.DataFrame({"profile_id": ["5742", *map(str, range(1, len(FLOATS)))], "feature_space": "s"})
    numbers["dose_um"], numbers["replicates"] = FLOATS, [2**53 + 1, -(2**63), 2**63 - 1, 0, 1, 2, 3, 4]
    morphology = pd.concat([small_graph.nodes[NodeType.MORPHOLOGY].astype(object), numbers.astype(object)])
    changes = EdgeKind(EdgeType.CHANGES_EXPRESSION, NodeType.GENE, NodeType.GENE)
    profile = EdgeKind(EdgeType.HAS_MORPHOLOGY, NodeType.GENE, NodeType.MORPHOLOGY)
    edges = {
        changes: pd.DataFrame(
            {"src": [5742] * 2, "dst": [5743] * 2, "weight": 0.5, "value": [float("inf"), 2.5]}
        ).assign(feature_space=["a,b", 'c"d']),
        profile: pd.DataFrame({"src": [5742], "dst": ["5742"], "weight": [1.0], "criterion": ["two\nlines"]}),
    }
    nodes = {**small_graph.nodes, NodeType.MOLECULE: molecules, NodeType.MORPHOLOGY: morphology}
    return dataclasses.replace(small_graph, nodes=nodes, edges={**small_graph.edges, **edges})


def test_bulk_import_is_as_a_load_over_bolt(neo4j_workspace, awkward_graph, tmp_path, monkeypatch):
    for name, value in {"INFOALIGN_HEAP": "1g", "INFOALIGN_PAGECACHE": "128m", "INFOALIGN_ENGINE": "neo4j"}.items():
        monkeypatch.setenv(name, value)
    folder = Workspace.default().neo4j
    wanted = content_hash(awkward_graph)
    meta = GraphMeta(("demo", "lincs"), "complete", wanted, version=7)
    neo4j_server.admin(folder, *write_csv(awkward_graph, meta, tmp_path / "a folder (of CSV)"))
    try:
        neo4j_server.start(folder, port=free_ports(1)[0])
        with graphdb.connect() as store:
            store.ensure_schema()
            assert content_hash(read_tables(store)) == wanted
            assert read_meta(store) == meta
            assert read_meta(store).version == 7
            # Nothing else is in it, and a load over Bolt finds nothing to write.
            count = store.read("MATCH (n) RETURN count(n) AS count")[0]["count"]
            assert count == sum(awkward_graph.node_counts().values()) + 1
            assert sync(store, awkward_graph, sources=["lincs", "demo"]).unchanged
            assert read_meta(store).version == 7
            # No property beyond the schema's: not the rows that join edges to nodes, no column of a load.
            kinds = store.read("MATCH (g:Gene) UNWIND keys(g) AS key RETURN DISTINCT key ORDER BY key")
            assert [row["key"] for row in kinds] == ["ncbi_id", "sources", "symbol"]
    finally:
        process.stop(folder)
