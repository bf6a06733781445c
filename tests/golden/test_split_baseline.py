"""The random forest of method.md (section 5) on the paper's split: if its numbers come out, the split is right.

Broad6K and the whole of Biogen3K take minutes, and run with ``--long``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learn.baselines import RandomForest
from learn.downstream import boosting_result
from learn.evaluation.scores import Scored
from learn.metrics import score
from learn.tasks import TaskData, load
from learn.tasks.split import scaffold_groups, split

pytestmark = [pytest.mark.data]


def _forest_scores(data: TaskData, tasks: list[int]) -> np.ndarray:
    parts = split(data)
    smiles = np.array(data.smiles)
    labels = data.labels[:, tasks]
    forest = RandomForest(data.task.kind, seed=0).fit(smiles[parts.train].tolist(), labels[parts.train])
    return score(data.task.metric, labels[parts.test], forest.predict(smiles[parts.test].tolist())).by_task


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "probability", "hard"),
    [("chembl2k", 0.751, 0.550), pytest.param("broad6k", 0.698, 0.554, marks=pytest.mark.long)],
)
def test_forest_by_probability_and_by_hard_label(shared_data: Path, name: str, probability: float, hard: float) -> None:
    """method.md, section 5: "Scored by probability … the same random forest gets .751 on ChEMBL2K", .698 on Broad6K.

    "… are reproduced by scoring hard labels": .550 and .554; the paper prints 54.7 ± 0.7 and 55.5 ± 0.1.
    """
    data = load(name, shared_data / "infoalign")
    parts = split(data)
    smiles = np.array(data.smiles)
    (predictions,) = RandomForest(data.task.kind, seed=0).fit_predict(
        smiles[parts.train].tolist(), data.labels[parts.train], [smiles[parts.test].tolist()]
    )
    found = Scored("auc", data.labels[parts.test], predictions.astype(np.float32)[None])
    assert np.mean(found.by_task) == pytest.approx(probability, abs=0.004)
    assert found.other("auc", hard=True).mean == pytest.approx(hard, abs=0.01)


@pytest.mark.slow
@pytest.mark.long
def test_biogen3k_forest_errs_by_527(shared_data: Path) -> None:
    """method.md, section 5: ".441 .441 .416 .672 .675 .517 in the file's order", mean .527."""
    data = load("biogen3k", shared_data / "infoalign")
    found = _forest_scores(data, list(range(6)))
    np.testing.assert_allclose(found, [0.441, 0.441, 0.416, 0.672, 0.675, 0.517], atol=0.006)
    assert found.mean() == pytest.approx(0.527, abs=0.003)


def test_biogen3k_forest_errs_by_672_and_675_on_plasma_protein_binding(shared_data: Path) -> None:
    """method.md, section 5: ".441 .441 .416 .672 .675 .517 in the file's order"; the two quick ones of the six."""
    data = load("biogen3k", shared_data / "infoalign")
    assert [name.split("(")[1] for name in data.names[3:5]] == ["HUMAN) ", "RAT) "]
    np.testing.assert_allclose(_forest_scores(data, [3, 4]), [0.672, 0.675], atol=0.006)


@pytest.mark.slow
def test_biogen3k_forest_errs_by_517_on_rat_microsomes(shared_data: Path) -> None:
    """method.md, section 5; 1,800 training molecules, so that a wrong split would show in the third digit."""
    data = load("biogen3k", shared_data / "infoalign")
    np.testing.assert_allclose(_forest_scores(data, [5]), [0.517], atol=0.003)


def test_toxcast_split_leaves_608_tasks_with_both_classes(shared_data: Path) -> None:
    """method.md, section 5: "on ToxCast (OGB's split, 608 tasks with both classes in the test set)"."""
    data = load("toxcast", shared_data / "infoalign")
    parts = split(data)
    assert [len(part) for part in parts] == [6860, 858, 858]
    test = data.labels[parts.test]
    assert ((test == 1).any(axis=0) & (test == 0).any(axis=0)).sum() == 608


def test_broad6k_scaffolds_are_many_more_with_chirality(shared_data: Path) -> None:
    """What lets stereoisomers straddle the cut of the paper's split; docs/decisions/0007."""
    data = load("broad6k", shared_data / "infoalign")
    assert len(scaffold_groups(data.smiles, chirality=True)) == 3087
    assert len(scaffold_groups(data.smiles, chirality=False)) == 1979
    assert data.inchikey_blocks is not None
    blocks = np.array(data.inchikey_blocks)
    parts = split(data)
    straddling = np.isin(blocks[parts.test], blocks[np.concatenate([parts.train, parts.valid])])
    assert straddling.mean() > 0.2


@pytest.mark.slow
def test_chembl2k_lightgbm_scores_803_by_probability(shared_data: Path) -> None:
    """docs/decisions/0007: .803 with its settings; method.md, section 5: .806, settings not stated."""
    data = load("chembl2k", shared_data / "infoalign")
    result = boosting_result(data, data.labels, split(data), [0])
    assert result.mean.mean == pytest.approx(0.803, abs=0.004)
    assert result.intervals.mean.low < 0.803 < result.intervals.mean.high
