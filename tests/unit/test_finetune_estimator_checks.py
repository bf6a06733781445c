"""Scikit-learn's own checks of an estimator, all of them.

They make tables of numbers, and scikit-learn leaves out nearly all for an estimator that takes texts. So the estimator
that is checked here takes a table, writes a SMILES for each of its rows, and hands these to the transformer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from graphdb.workspace import Workspace
from learn import InfoAlignTransformer
from learn.checkpoint import Checkpoint, Position, save
from learn.config import TrainConfig
from learn.encoder import Encoder

EXPECTED_FAILURES = {
    "check_methods_subset_invariance": "demands 1e-4 of values near 0 too; their last digits depend on the batch",
    "check_methods_sample_order_invariance": "demands 1e-7; the last digits of a product depend on a row's place in it",
}


class OfNumbers(InfoAlignTransformer):
    """Takes (n, d) numbers: a row becomes an alcohol whose length is a digit of its sum."""

    def fit(self, X: Any, y: object = None) -> OfNumbers:
        super().fit(self._alcohols(X, reset=True), y)
        return self

    def transform(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return super().transform(self._alcohols(X, reset=False))

    def _alcohols(self, X: Any, *, reset: bool) -> list[str]:
        table = validate_data(self, X, reset=reset)
        return ["C" * (1 + int(abs(float(row.sum())) * 1000) % 20) + "O" for row in table]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array, tags.input_tags.string = False, True, False
        return tags


@pytest.fixture(scope="module")
def model() -> Checkpoint:
    torch.manual_seed(0)
    config = TrainConfig(layers=1)
    state = Encoder(config.layers, config.dropout).state_dict()
    return Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g")


@pytest.fixture(autouse=True)
def _a_run(model: Checkpoint, _own_workspace: None) -> None:
    """A checkpoint where the default looks for one."""
    save(Path(Workspace.default().runs / "run" / "checkpoint.pt"), model)


@parametrize_with_checks([OfNumbers()], expected_failed_checks=lambda _: EXPECTED_FAILURES, xfail_strict=False)
def test_scikit_learns_check(estimator: OfNumbers, check: Callable[[OfNumbers], None]) -> None:
    check(estimator)


def test_the_transformer_itself_takes_texts() -> None:
    tags = InfoAlignTransformer().__sklearn_tags__()
    assert (tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array) == (True, True, False)
