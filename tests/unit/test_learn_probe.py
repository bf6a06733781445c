"""The linear probe against scikit-learn's models."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from learn.metrics import score
from learn.probe import INVERSE_STRENGTHS, STRENGTHS, LinearProbe

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((300, 8)) * np.arange(1, 9) + 3
RULE = np.array([1, 0, 0, 0.5, 0, 0, 0, -0.2])
VALUES = X @ RULE + 0.5 * RANDOM.standard_normal(300)
TRAIN, VALID, TEST = slice(0, 150), slice(150, 220), slice(220, 300)


def _probe(kind, metric, labels) -> LinearProbe:
    return LinearProbe(kind, metric).fit((X[TRAIN], labels[TRAIN]), (X[VALID], labels[VALID]))


def test_regression_is_the_ridge_that_validation_likes_best() -> None:
    labels = VALUES[:, None].copy()
    labels[::7] = np.nan
    known = ~np.isnan(labels[TRAIN, 0])
    scaler = StandardScaler().fit(X[TRAIN])
    models = [Ridge(alpha=a).fit(scaler.transform(X[TRAIN][known]), labels[TRAIN][known, 0]) for a in STRENGTHS]
    errors = [score("mae", labels[VALID], m.predict(scaler.transform(X[VALID]))[:, None]).mean for m in models]
    expected = models[int(np.argmin(errors))].predict(scaler.transform(X[TEST]))
    found = _probe("regression", "mae", labels).predict(X[TEST])
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)
    assert score("r2", labels[TEST], found).mean > 0.9


def test_classification_is_the_logistic_regression_that_validation_likes_best() -> None:
    labels = (np.median(VALUES) < VALUES).astype(float)[:, None]
    scaler = StandardScaler().fit(X[TRAIN])
    inputs = scaler.transform(X)
    models = [LogisticRegression(C=c, max_iter=1000).fit(inputs[TRAIN], labels[TRAIN, 0]) for c in INVERSE_STRENGTHS]
    scores = [score("auc", labels[VALID], m.predict_proba(inputs[VALID])[:, 1:]).mean for m in models]
    found = _probe("classification", "auc", labels).predict(X[TEST])
    expected = models[int(np.argmax(scores))].predict_proba(inputs[TEST])[:, 1]
    np.testing.assert_allclose(found[:, 0], expected, atol=0.02)
    assert score("auc", labels[TEST], found).mean > 0.95


def test_a_task_without_a_choice_answers_what_it_knows() -> None:
    labels = np.column_stack([np.ones(300), np.full(300, np.nan), VALUES > 3, VALUES > 3]).astype(float)
    labels[VALID, 3] = np.nan  # nothing to choose the strength by: that of the others is taken
    found = _probe("classification", "auc", labels).predict(X[TEST])
    assert found[:, 0] == pytest.approx(1)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_allclose(found[:, 2], found[:, 3])
