"""The node types as py2neo objects, on every engine: matched, followed, changed."""

from __future__ import annotations

import pytest

from graphdb.ogm import as_py2neo
from graphdb.schema import EDGES, NODES
from graphdb.sync import sync
from queries import ogm

pytestmark = [pytest.mark.graph, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


@pytest.fixture
def graph(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    return as_py2neo(store)


def test_every_node_type_edge_type_and_property_has_its_member():
    for node_type, schema in NODES.items():
        cls = getattr(ogm, str(node_type))
        assert (cls.__primarylabel__, cls.__primarykey__) == (str(node_type), schema.key)
        assert set(schema.properties) <= set(dir(cls))
    for edge_type, edge in EDGES.items():
        for source, target in edge.endpoints:
            out = [name for name in dir(getattr(ogm, str(source))) if name.startswith(edge_type.lower())]
            into = [name for name in dir(getattr(ogm, str(target))) if name.startswith(f"{edge_type.lower()}_of")]
            assert out
            assert into


def test_molecule_is_matched_and_its_neighbours_followed(graph):
    found = ogm.Molecule.match(graph).where(name="aspirin").first()
    assert (found.inchikey, found.synonyms) == (ASPIRIN, ["2-acetoxybenzoic acid", "ASA"])
    assert sorted(gene.symbol for gene in found.targets) == ["PTGS1", "PTGS2"]
    assert [profile.profile_id for profile in found.has_morphology] == ["demo|m|1"]
    gene = ogm.Gene.match(graph, 5742).first()
    assert [molecule.inchikey for molecule in gene.targets_of] == [ASPIRIN]
    assert [other.symbol for other in gene.interacts] == ["PTGS2"]
    assert [molecule.name for molecule in gene.changes_expression_of_molecule] == ["caffeine"]


def test_change_is_pushed(graph, store):
    found = ogm.Molecule.match(graph, ASPIRIN).first()
    found.name = "acetylsalicylic acid"
    found.binds.add(ogm.Gene.match(graph, 5743).first(), weight=0.5)
    graph.push(found)
    rows = store.read(
        "MATCH (m:Molecule {inchikey: $key})-[r:BINDS]->(g:Gene) RETURN m.name AS name, r.weight AS weight, "
        "g.symbol AS symbol",
        key=ASPIRIN,
    )
    assert rows == [{"name": "acetylsalicylic acid", "weight": 0.5, "symbol": "PTGS2"}]
