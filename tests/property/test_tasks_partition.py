"""Whatever the molecules: a split is a partition, and its sizes are what was asked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from learn.tasks.split import ogb_scaffold_split, scaffold_groups, scaffold_split

molecules = st.lists(
    st.sampled_from(["CCO", "CC", "c1ccccc1", "Cc1ccccc1", "C1CC1", "c1ccncc1", "C1CCOC1", "CC1CC1", "O"]), max_size=40
)
shares = st.tuples(st.floats(0.1, 0.8), st.floats(0, 0.2))


@settings(deadline=None, max_examples=60)
@given(molecules, shares, st.integers(0, 100))
def test_every_molecule_is_in_exactly_one_set(smiles: list[str], share: tuple[float, float], seed: int) -> None:
    for parts in (scaffold_split(smiles, *share, seed=seed), ogb_scaffold_split(smiles, *share)):
        assert sorted(index for part in parts for index in part) == list(range(len(smiles)))


@settings(deadline=None, max_examples=60)
@given(molecules, shares, st.integers(0, 100))
def test_the_papers_split_has_the_sizes_asked_for(smiles: list[str], share: tuple[float, float], seed: int) -> None:
    train, valid, _ = scaffold_split(smiles, *share, seed=seed)
    assert (len(train), len(valid)) == (int(share[0] * len(smiles)), int(share[1] * len(smiles)))


@settings(deadline=None, max_examples=60)
@given(molecules, shares)
def test_ogbs_split_never_divides_a_scaffold(smiles: list[str], share: tuple[float, float]) -> None:
    sets = [set(part.tolist()) for part in ogb_scaffold_split(smiles, *share)]
    for group in scaffold_groups(smiles, chirality=False).values():
        assert any(part.issuperset(group) for part in sets)
