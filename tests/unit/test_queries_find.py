"""Suggestions: exact, begun, contained and misspelt names; structures; what has changed is read again."""

from __future__ import annotations

import pytest
from _queries_graph import ASPIRIN, BUTANE, PROPANE

from graphdb.errors import InputError
from graphdb.schema import NodeType
from queries.cached import OfGraph
from queries.find import find
from queries.name_index import Entry, NameIndex

M, G = NodeType.MOLECULE, NodeType.GENE


def index(*names: str) -> NameIndex:
    return NameIndex(
        [(M, name, name) for name in names], [Entry(name, "name", place) for place, name in enumerate(names)]
    )


def test_the_better_the_match_the_earlier() -> None:
    names = index("vastatin x", "lovastatin", "Statin", "statin b", "pro statin", "something else")
    found = names.suggest("statin", 10)
    assert [one.name for one in found] == ["Statin", "statin b", "pro statin", "lovastatin", "vastatin x"]
    assert [one.score for one in found] == [1.0, 0.9, 0.8, 0.7, 0.7]


def test_a_misspelt_name_is_found_below_those_that_contain_it() -> None:
    found = index("simvastatin", "lovastatin", "aspirin").suggest("simvstatin", 3)
    assert found[0].name == "simvastatin"
    assert 0 < found[0].score < 0.5
    assert "aspirin" not in [one.name for one in found]


def test_two_letters_are_looked_for_at_the_begin_alone() -> None:
    assert [one.name for one in index("aspirin", "caspase", "as").suggest("as", 5)] == ["as", "aspirin"]


def test_the_limit_counts_nodes_and_each_node_comes_once() -> None:
    names = NameIndex([(M, "a", "a"), (M, "b", "b")], [Entry(f"name {n}", "synonym", n // 3) for n in range(6)])
    assert [one.key for one in names.suggest("name", 5)] == ["a", "b"]
    assert len(names.suggest("name", 1)) == 1


def test_line_ends_within_a_name_do_not_split_it() -> None:
    assert index("two\nlines", "other").suggest("two lines", 1)[0].score == 1.0


@pytest.mark.graph
def test_candidates_of_the_graph(store) -> None:
    both = find(store, "tWIN").nodes
    assert set(both["key"].head(2)) == {PROPANE, BUTANE}
    assert set(both["score"].head(2)) == {1.0}
    misspelt = find(store, "acetylsalicilic acid").nodes.iloc[0]
    assert (misspelt["key"], misspelt["how"]) == (ASPIRIN, "synonym")
    by_identifier = find(store, "CHEMBL2").nodes.iloc[0]
    assert (by_identifier["key"], by_identifier["matched"], by_identifier["how"]) == (ASPIRIN, "CHEMBL25", "chembl")
    assert find(store, "EGF").nodes.iloc[0]["key"] == 1956
    structure = find(store, "OC(=O)c1ccccc1OC(C)=O").nodes.iloc[0]
    assert (structure["key"], structure["how"]) == (ASPIRIN, "structure or key")


@pytest.mark.graph
def test_a_molecule_that_is_not_in_the_graph_is_named_and_placed_or_the_reason_is_given(store) -> None:
    found = find(store, "CCCCCCN")
    assert found.inchikey == "BMVXCPBXGZKUPN-UHFFFAOYSA-N"
    assert found.nearest is not None or "feature" in found.remark
    assert "is not in the graph" in found._repr_html_()


@pytest.mark.graph
def test_what_is_empty_or_senseless_is_refused(store) -> None:
    with pytest.raises(InputError, match="empty"):
        find(store, "  ")
    with pytest.raises(InputError, match="at least 1"):
        find(store, "x", 0)


def test_what_is_made_of_a_graph_is_made_once_until_the_graph_says_that_it_changed(monkeypatch) -> None:
    class Store:
        uri, database = "bolt://x", None

    state = {"version": 1}

    class Meta:
        content_hash = "h"

        @property
        def version(self):
            return state["version"]

    monkeypatch.setattr("queries.cached.read_meta", lambda _: Meta())
    made = []
    kept = OfGraph(lambda _: made.append(1) or len(made))
    assert kept.kept(Store()) is None
    assert [kept.of(Store()), kept.of(Store()), kept.kept(Store())] == [1, 1, 1]
    state["version"] = 2
    assert kept.kept(Store()) is None
    assert kept.of(Store()) == 2
    kept.forget()
    assert kept.of(Store()) == 3
    monkeypatch.setattr("queries.cached.read_meta", lambda _: None)
    assert [kept.of(Store()), kept.of(Store())] == [4, 5]


def test_spellings_are_guessed_of_names_only_and_where_none_is_the_text() -> None:
    molecules = [
        (NodeType.MOLECULE, f"KEY{number}", name) for number, name in enumerate(("Simvastatin", "Fimvastatin"))
    ]
    entries = [Entry("Simvastatin", "name", 0), Entry("Fimvastatin", "name", 1)]
    entries += [Entry("DB00641", "drugbank", 0), Entry("DB00161", "drugbank", 1)]
    index = NameIndex(molecules, entries)
    assert [found.key for found in index.suggest("simvastatin")] == ["KEY0"]
    assert [found.key for found in index.suggest("zimvastatin")] == ["KEY1", "KEY0"]
    assert [found.matched for found in index.suggest("DB00641")] == ["DB00641"]
    assert index.suggest("DB00642") == []
