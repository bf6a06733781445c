"""LightGBM on RDKit's descriptors and Morgan counts: the strong baseline, untuned (method.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import MissingExtraError
from learn.baselines.by_task import ByTask, Floats, Make, answers_by_task
from learn.baselines.features import features
from learn.tasks.task import Kind

SETTINGS: dict[str, Any] = {
    "n_estimators": 400,
    "learning_rate": 0.05,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.3,
}
"""What differs from LightGBM's defaults, the same for all data sets.

method.md does not state its settings (.806 on ChEMBL2K, .709 on Broad6K, .443 on Biogen3K). LightGBM's defaults give
.790, .689 and .436 here, these .803, .700 and .436 (one seed): of 217 descriptors that say much the same, each tree
better sees a third.
"""


class Boosting(ByTask):
    """One LightGBM a task, on RDKit's descriptors and the counts of 2,048 folded environments (radius 2).

    A descriptor that RDKit cannot compute stays NaN, which LightGBM takes for missing and sends to the better side of a
    split. Classification answers the probability of label 1.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    seed
        Of every model: of what rows and columns a tree sees.
    jobs
        Processes, one task each; -1 for all cores. The result does not depend on it.
    cache
        Folder in which descriptors and counts are kept (`learn.baselines.features`); None: nowhere.
    counts
        Fingerprints beside the descriptors.

    Raises
    ------
    MissingExtraError
        If LightGBM is not installed.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        seed: int = 0,
        jobs: int = -1,
        cache: Path | None = None,
        counts: Sequence[str] = ("morgan",),
    ) -> None:
        if not available():
            raise MissingExtraError("lightgbm", "boosting")
        super().__init__(kind, seed=seed, jobs=jobs)
        self.cache = cache
        self.counts = tuple(counts)

    def fit_predict_beside(
        self, smiles: Sequence[str], labels: Floats, asked: Sequence[Sequence[str]], more: Sequence[Floats]
    ) -> list[npt.NDArray[np.float64]]:
        """Return what `fit_predict` does, with further inputs beside descriptors and counts.

        Parameters
        ----------
        smiles, labels, asked
            As for `fit_predict`.
        more
            (n, d) of the molecules that are learned from, then of each list that is asked; NaN where there is none.
        """
        inputs = [np.hstack([self._inputs(part), beside]) for part, beside in zip((smiles, *asked), more, strict=True)]
        return answers_by_task(self._make(), inputs[0], labels, inputs[1:], self.jobs, self.order)

    def _make(self) -> Make:
        return partial(_model, self.kind, self.seed)

    def _inputs(self, smiles: Sequence[str]) -> npt.NDArray[np.float32]:
        return features(smiles, self.counts, self.cache)


def available() -> bool:
    """Return whether LightGBM is installed."""
    return find_spec("lightgbm") is not None


def _model(kind: Kind, seed: int) -> Any:
    import lightgbm

    model = lightgbm.LGBMClassifier if kind == "classification" else lightgbm.LGBMRegressor
    # By columns: the same trees as by rows, an eighth sooner; of thousands of columns LightGBM's own guess is rows.
    return model(random_state=seed, n_jobs=1, verbosity=-1, force_col_wise=True, **SETTINGS)
