"""What is odd in the small graph, and in one that was spoilt on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from _queries_graph import ASPIRIN, BENZENE, ETHANOL

from graphdb import connect
from graphdb.meta import touch
from queries import resident
from queries.audit import audit

pytestmark = pytest.mark.graph


@pytest.fixture(autouse=True)
def _fresh():
    resident.forget()
    yield
    resident.forget()


def findings(store) -> dict[str, dict]:
    return {row["what"]: row for row in audit(store).findings.to_dict("records")}


def test_hubs_isolated_nodes_and_simulated_profiles(store) -> None:
    found = findings(store)
    hub = next(row for what, row in found.items() if what.startswith("Gene nodes with more than"))
    assert (hub["count"], hub["examples"]) == (1, ("HUB: 301 edges",))
    # Ethanol, benzene, propane and butane have no edge.
    alone = found["Molecule nodes without any edge, of 307"]
    assert alone["count"] == 4
    assert found["profiles that no instrument measured"]["count"] == 1
    assert not [what for what in found if what.startswith("edges")]
    assert "Nothing odd" not in audit(store)._repr_html_()


def test_what_is_spoilt_is_found(store, small_graph: Path) -> None:
    with connect() as writable:
        writable.write(
            "MATCH (m:Molecule) WHERE m.inchikey IN $keys SET m.chembl_ids = ['CHEMBL9']", keys=[BENZENE, ETHANOL]
        )
        writable.write("MATCH (:Molecule {inchikey: $key})-[r:TARGETS]->() SET r.weight = 0.0", key=ASPIRIN)
        writable.write("MATCH (p:Morphology) WHERE p.profile_id <> '00000000000000a4' SET p.plate = 'one'")
        writable.write("MATCH (p:Morphology {profile_id: '00000000000000a4'}) SET p.plate = 'two'")
        touch(writable)
    try:
        found = findings(store)
        shared = found["chembl_ids: values that stand on molecules of different skeletons"]
        assert (shared["severity"], shared["count"]) == ("wrong", 1)
        assert shared["examples"][0].startswith("CHEMBL9: ")
        assert found["edges of weight 0, which no weighted walk takes"]["count"] == 1
        (space,) = audit(store).batches.to_dict("records")
        # Of the two similar pairs one shares a plate; of all pairs of that space's three profiles one of three does.
        assert (space["pairs"], space["one_plate"]) == (2, 1)
        assert space["expected"] == pytest.approx(2 / 3)
    finally:
        with connect() as writable:
            writable.write("MATCH (m:Molecule) WHERE m.inchikey IN $keys REMOVE m.chembl_ids", keys=[BENZENE, ETHANOL])
            writable.write("MATCH (:Molecule {inchikey: $key})-[r:TARGETS]->() SET r.weight = 1.0", key=ASPIRIN)
            writable.write("MATCH (p:Morphology) REMOVE p.plate")
            touch(writable)


def test_a_name_of_different_skeletons_is_told(store, small_graph: Path) -> None:
    found = findings(store)
    twins = found["name: values that stand on molecules of different skeletons"]
    assert twins["count"] == 1
    assert twins["examples"][0].startswith("twin: ")
