"""Systems that learn each task for itself: fitting and asking at once, and what each model is given."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from learn.baselines import Boosting, ExtraTrees, RandomForest
from learn.baselines import by_task as module
from learn.baselines.by_task import fit_by_task, predict_by_task
from learn.baselines.extra_trees import LEAST_LEAF, _forest

CHAINS = [f"{'C' * n}{end}" for n in range(2, 22) for end in ("O", "N", "")]
OXYGEN = np.array([float("O" in text) for text in CHAINS])
LENGTH = np.array([float(text.count("C")) for text in CHAINS])
ASKED = [CHAINS[:5], ["CCCOC", "CCNCC", "c1ccccc1O"], CHAINS[50:]]


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize(
    "make", [partial(RandomForest, trees=10), partial(ExtraTrees, trees=10), Boosting], ids=["forest", "extra", "lgbm"]
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_fitting_and_asking_at_once_answers_as_one_after_the_other(make, kind, jobs, monkeypatch) -> None:
    monkeypatch.setattr(module, "IN_PROCESS", 0)
    wanted = OXYGEN if kind == "classification" else LENGTH
    labels = np.column_stack([wanted, np.full(len(CHAINS), np.nan), np.ones(len(CHAINS)), wanted])
    labels[::3, 3] = np.nan
    at_once = make(kind, seed=1, jobs=jobs).fit_predict(CHAINS, labels, ASKED)
    model = make(kind, seed=1, jobs=1).fit(CHAINS, labels)
    for found, asked in zip(at_once, ASKED, strict=True):
        np.testing.assert_array_equal(found, model.predict(asked))
        assert np.isnan(found[:, 1]).all()
        assert (found[:, 2] == 1).all()


def test_a_model_gets_its_columns_in_the_order_that_it_reads() -> None:
    class Model:
        def fit(self, x, y):
            self.order = "F" if x.flags.f_contiguous else "C"
            self.rows = len(x)
            return self

        def predict(self, x):
            return np.full(len(x), self.rows)

    x = np.random.default_rng(0).random((8, 3))
    labels = np.column_stack([np.arange(8.0), np.where(np.arange(8) < 5, np.arange(8.0), np.nan)])
    for order in ("C", "F"):
        models = fit_by_task(Model, x, labels, 1, order)
        assert [model.order for model in models] == [order, order]
        np.testing.assert_array_equal(predict_by_task(models, x[:2]), [[8, 5], [8, 5]])


def test_extra_trees_leave_out_what_no_split_could_use() -> None:
    rng = np.random.default_rng(0)
    x = np.hstack([rng.random((40, 3)), np.zeros((40, 4))]).astype(np.float32)
    for column, filled in ((3, 1), (4, LEAST_LEAF), (5, 10)):
        x[:filled, column] = 1
    model = _forest("classification", 0, 5).fit(x, (x[:, 0] > 0.5).astype(float))
    forest = model.steps[-1][1]
    assert forest.n_features_in_ == 5  # three full ones, and those of two and ten molecules
    other = x.copy()
    other[:, [3, 6]] = 7
    np.testing.assert_array_equal(model.predict_proba(x), model.predict_proba(other))
