"""InfoAlign embeddings as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from graphdb.errors import InputError
from graphdb.workspace import Workspace
from learn.checkpoint import load
from learn.device import resolve_device
from learn.encode import BATCH_SIZE, Precision, encode
from learn.runs import newest_checkpoint

Floats = npt.NDArray[np.float32]


class InfoAlignTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn SMILES into embeddings: mu of a pretrained, frozen encoder.

    Fitting learns nothing from the molecules; it finds the checkpoint. So a pipeline that is fitted and stored goes on
    using the checkpoint that it was fitted with, also when a newer run is there.

    Parameters
    ----------
    checkpoint
        File of a checkpoint; None: that of the newest run in the workspace.
    device
        ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda"``.
    precision, batch_size
        See `learn.encode.Options`.
    invalid
        What a SMILES that cannot be used becomes: a row of NaN (``"nan"``), or an `InputError` (``"error"``).

    Attributes
    ----------
    checkpoint_
        The checkpoint that is used (after `fit`).

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> model = make_pipeline(InfoAlignTransformer(invalid="error"), Ridge())  # model.fit(smiles, values)
    """

    def __init__(
        self,
        checkpoint: Path | str | None = None,
        device: str = "auto",
        invalid: Literal["nan", "error"] = "nan",
        precision: Precision = "float32",
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.invalid = invalid
        self.precision = precision
        self.batch_size = batch_size

    def fit(self, X: Iterable[str], y: object = None) -> InfoAlignTransformer:  # noqa: ARG002  # scikit-learn's signature
        """Find the checkpoint.

        Parameters
        ----------
        X
            n SMILES: a sequence, an array (n,) or (n, 1), or one column of a data frame.
        y
            Ignored.

        Raises
        ------
        InputError
            If `X` is not a list of texts, a parameter is no known choice, or no run has a checkpoint (the message names
            the command that makes one).
        ArtefactError
            If the checkpoint is missing or damaged.
        """
        if self.invalid not in ("nan", "error"):
            raise InputError(f"invalid: expected 'nan' or 'error', got {self.invalid!r}")
        if self.precision not in ("float32", "bfloat16") or self.batch_size < 1:
            raise InputError(
                f"precision must be float32 or bfloat16 and batch_size at least 1, got {self.precision!r} and "
                f"{self.batch_size!r}"
            )
        _texts(X)
        resolve_device(self.device)
        path = newest_checkpoint(Workspace.default()) if self.checkpoint is None else Path(self.checkpoint)
        self.checkpoint_ = path.resolve()
        self._n_features_out = load(path).width
        return self

    def transform(self, X: Iterable[str]) -> Floats:
        """Return the embeddings, (n, d) float32.

        Raises
        ------
        InputError
            If a SMILES cannot be used and `invalid` is ``"error"``.
        """
        check_is_fitted(self)
        smiles = _texts(X)
        embeddings = encode(
            smiles,
            self.checkpoint_,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
        )
        if self.invalid == "error":
            wrong = np.flatnonzero(np.isnan(embeddings).any(axis=1))
            if wrong.size:
                row = int(wrong[0])
                raise InputError(f"molecule {row + 1}: this SMILES cannot be used: {smiles[row]!r}")
        return embeddings

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.requires_fit = True
        tags.transformer_tags.preserves_dtype = []  # embeddings are float32, whatever texts are
        return tags


def _texts(X: Iterable[str]) -> list[str]:
    if isinstance(X, str):
        raise InputError("expected a sequence of SMILES, got one text; wrap it in a list")
    array = np.asarray(X if hasattr(X, "__array__") else list(X), dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"expected one column of SMILES, got an array of shape {array.shape}")
    for row, value in enumerate(array):
        if not isinstance(value, str):
            raise InputError(f"molecule {row + 1}: expected a SMILES text, got {value!r}")
    return [str(value) for value in array]
