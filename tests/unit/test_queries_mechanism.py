"""Enrichment by hand and against simulation; mechanisms on the small graph."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pandas as pd
import pytest
from _queries_graph import ASPIRIN, BENZENE, SALICYLIC_ACID

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from queries import mechanism as module
from queries.enrichment import enrichment
from queries.mechanism import mechanism
from queries.molecule_query import Query


def test_p_is_the_chance_of_as_many_hits_or_more() -> None:
    background = range(10)
    found = enrichment([0, 1, 2, 3], background, {"a": [0, 1, 2], "b": [3, 9], "c": [8]}).set_index("label")
    # Of 10 things 3 have a; 4 are drawn.
    by_hand = Fraction(comb(3, 3) * comb(7, 1), comb(10, 4))
    assert found.loc["a", "p"] == pytest.approx(float(by_hand))
    assert found.loc["b", "p"] == pytest.approx(1 - comb(8, 4) / comb(10, 4))
    assert found.loc["a", ["hits", "chosen", "with_label", "background"]].tolist() == [3, 4, 3, 10]
    assert found.loc["a", "expected"] == pytest.approx(1.2)
    assert found.loc["a", "fold"] == pytest.approx(2.5)
    # Three labels are tested, though c has no hit.
    assert found.loc["a", "fdr"] == pytest.approx(min(3 * float(by_hand), 1))
    assert list(found.index) == ["a", "b"]


def test_what_lies_outside_the_background_does_not_count() -> None:
    found = enrichment([0, 1, 99], range(4), {"a": [0, 99, 98]})
    assert found.loc[0, ["hits", "chosen", "with_label", "background"]].tolist() == [1, 2, 1, 4]


def test_nothing_chosen_is_an_empty_table() -> None:
    assert list(enrichment([], range(3), {"a": [1]}).columns) == list(enrichment([1], range(3), {"a": [1]}).columns)
    assert len(enrichment([], range(3), {"a": [1]})) == 0


def test_p_values_of_random_choices_are_no_smaller_than_chance() -> None:
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        found = enrichment(rng.choice(60, 10, replace=False).tolist(), range(60), {"a": range(20)})
        p.append(found["p"].iloc[0] if len(found) else 1.0)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 400)


@pytest.fixture
def neighbours(monkeypatch) -> list[str]:
    """Nearest molecules as if by fingerprint, without a feature store."""
    found: list[str] = []

    def similar(store, key, by, k):
        rows = [(one, one, 0.9, "C") for one in found][:k]
        return pd.DataFrame(rows, columns=["inchikey", "name", "similarity", "smiles"])

    monkeypatch.setattr(module, "similar", similar)
    return found


@pytest.mark.graph
def test_genes_of_the_neighbours_of_the_small_graph(store, neighbours: list[str]) -> None:
    neighbours += [SALICYLIC_ACID, BENZENE]
    found = mechanism(store, "aspirin", by="fingerprint", k=5)
    gene = found.genes.iloc[0]
    assert (gene["gene"], gene["hits"], gene["known"]) == ("PTGS2", 1, True)
    assert gene["carried_by"] == (SALICYLIC_ACID,)
    # 300 hubs, toluene and salicylic acid have a known gene; aspirin itself is not counted.
    assert (gene["chosen"], gene["background"], gene["with_label"]) == (1, 302, 1)
    assert gene["p"] == pytest.approx(1 / 302)
    assert found.neighbours["genes"].tolist() == [("PTGS2",), ()]
    assert "PTGS2" in found._repr_html_()


@pytest.mark.graph
def test_other_forms_of_the_same_skeleton_are_no_neighbours(store, neighbours: list[str]) -> None:
    neighbours += [ASPIRIN[:14] + "-AAAAAAAAAA-N", SALICYLIC_ACID]
    assert mechanism(store, "aspirin", by="fingerprint").neighbours["inchikey"].tolist() == [SALICYLIC_ACID]


@pytest.mark.graph
def test_neighbours_without_known_genes_are_told(store, neighbours: list[str]) -> None:
    neighbours += [BENZENE]
    found = mechanism(store, "aspirin", by="fingerprint")
    assert len(found.genes) == 0
    assert "None of the nearest molecules has a known gene" in found.sections()[0].note


@pytest.mark.graph
def test_an_edge_type_that_says_nothing_of_acting_is_refused(store, neighbours: list[str]) -> None:
    with pytest.raises(InputError, match="expected edge types of TARGETS"):
        mechanism(store, "aspirin", edge_types=[EdgeType.INTERACTS])


def test_simulated_profiles_are_warned_of() -> None:
    table = pd.DataFrame({"inchikey": ["a"], "name": ["a"], "smiles": ["C"], "simulated": [True], "genes": [()]})
    found = module.Mechanism(Query("k", "C", "x", in_graph=True), "expression", pd.DataFrame(), table)
    assert "SIMULATED" in found.warnings()[0]
