"""The scaffold splits on molecules small enough to see."""

from __future__ import annotations

import numpy as np
import pytest

from graphdb.errors import InputError
from learn.tasks.split import ogb_scaffold_split, scaffold_groups, scaffold_split

ACYCLIC = ["CCO", "CC", "CCN"]
BENZENES = ["Cc1ccccc1", "Oc1ccccc1"]
SMILES = [ACYCLIC[0], BENZENES[0], ACYCLIC[1], "C1CCCCC1", BENZENES[1], ACYCLIC[2], "c1ccncc1", "C1CCNCC1"]


def test_groups_are_scaffolds_in_order_of_first_appearance() -> None:
    groups = scaffold_groups(SMILES, chirality=True)
    assert list(groups.items()) == [
        ("", [0, 2, 5]),
        ("c1ccccc1", [1, 4]),
        ("C1CCCCC1", [3]),
        ("c1ccncc1", [6]),
        ("C1CCNCC1", [7]),
    ]


def test_chirality_tells_scaffolds_apart_only_where_asked() -> None:
    enantiomers = ["O=C1NCC[C@H]1C1CC1", "O=C1NCC[C@@H]1C1CC1"]
    assert len(scaffold_groups(enantiomers, chirality=True)) == 2
    assert len(scaffold_groups(enantiomers, chirality=False)) == 1


def test_groups_are_shuffled_by_the_legacy_generator_and_dealt_in_order() -> None:
    """By hand: the five groups above, permuted as ``RandomState(3)`` permutes five things; cuts at 4 and 5 of 8."""
    order = np.random.RandomState(3).permutation(5)
    groups = [[0, 2, 5], [1, 4], [3], [6], [7]]
    dealt = [index for group in order for index in groups[group]]
    train, valid, test = scaffold_split(SMILES)
    assert train.tolist() == dealt[:4]
    assert valid.tolist() == dealt[4:5]
    assert test.tolist() == dealt[5:]


def test_the_split_leaves_the_callers_random_state_alone() -> None:
    np.random.seed(11)
    expected = np.random.rand()
    np.random.seed(11)
    scaffold_split(SMILES)
    assert np.random.rand() == expected


def test_ogb_deals_whole_groups_the_largest_first() -> None:
    """By hand: groups of 3, 2 and three single ones from last to first; 0.5 and 0.25 of 8 are 4 and 2."""
    train, valid, test = ogb_scaffold_split(SMILES, train=0.5, valid=0.25)
    assert train.tolist() == [0, 2, 5, 7]
    assert valid.tolist() == [1, 4]
    assert test.tolist() == [6, 3]


@pytest.mark.parametrize("splitter", [scaffold_split, ogb_scaffold_split])
def test_an_unparsable_molecule_is_named(splitter) -> None:
    with pytest.raises(InputError, match=r"molecule 2: .*'C\(C'"):
        splitter(["CC", "C(C"])


@pytest.mark.parametrize("shares", [(0.9, 0.2), (0, 0.5), (0.5, -0.1)])
def test_shares_must_fit(shares: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="shares"):
        scaffold_split(SMILES, *shares)
