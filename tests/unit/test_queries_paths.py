"""Paths between two nodes of the small graph, by queries and in memory."""

from __future__ import annotations

import pytest

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from queries import paths as module
from queries import resident
from queries.paths import paths

pytestmark = pytest.mark.graph


@pytest.fixture(params=["by queries", "in memory"], autouse=True)
def _reader(request: pytest.FixtureRequest, store):
    resident.forget()
    if request.param == "in memory":
        resident.keep(store)
    yield
    resident.forget()


def test_shortest_and_heaviest_paths(store) -> None:
    found = paths(store, "aspirin", "ncbi:3815", k=5)
    # By the gene that it changes 0.4 · 0.83, in two hops; by morphology 0.8 · 1, in three.
    assert found.paths["kind"].tolist() == ["shortest and heaviest"] * 2
    assert found.paths["hops"].tolist() == [2, 3]
    assert found.paths["path_weight"].tolist() == pytest.approx([0.332, 0.8])
    assert found.paths["path"][0] == "Aspirin -CHANGES_EXPRESSION- EGFR -SIMILAR_MORPHOLOGY- KIT"
    steps = found.steps[found.steps["number"] == 1]
    assert steps["step"].tolist() == list(range(len(steps)))
    assert steps["edge_type"].isna().tolist() == [True] + [False] * (len(steps) - 1)
    assert found.left_out == 0
    assert "Aspirin" in found._repr_html_()


def test_edge_types_weights_and_hops_restrict(store) -> None:
    only = paths(store, "aspirin", "salicylic acid", edge_types=[EdgeType.TARGETS])
    assert only.paths["path"].tolist() == ["Aspirin -TARGETS- PTGS2 -TARGETS- salicylic acid"]
    assert len(paths(store, "aspirin", "ncbi:3815", hops=2).paths) == 1
    assert len(paths(store, "aspirin", "ncbi:3815", hops=2, min_weight=0.5).paths) == 0


def test_no_path_is_an_answer(store) -> None:
    found = paths(store, "aspirin", "UHOVQNZJYSORNB-UHFFFAOYSA-N")
    assert len(found.paths) == 0
    assert "No path of at most 4 edges" in found.sections()[0].note


def test_hubs_are_cut_and_it_is_told(store, monkeypatch) -> None:
    monkeypatch.setattr(module, "WIDTH", 5)
    found = paths(store, "Kat", "HUB")
    assert found.paths["path"].tolist() == ["Kat -TARGETS- HUB"]
    assert found.left_out > 0
    assert "in part only" in " ".join(found.warnings())


def test_wrong_questions(store) -> None:
    with pytest.raises(InputError, match="the same node"):
        paths(store, "aspirin", "ASA")
    with pytest.raises(InputError, match="1 to 8 hops"):
        paths(store, "aspirin", "ncbi:3815", hops=9)
