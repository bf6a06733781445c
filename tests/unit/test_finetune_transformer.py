"""InfoAlignTransformer as scikit-learn expects a transformer to be."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import learn
from graphdb.errors import ArtefactError, InputError
from learn import InfoAlignTransformer
from learn.checkpoint import Checkpoint, Position, load, save
from learn.config import TrainConfig
from learn.encode import encode
from learn.encoder import Encoder

SMILES = ["CCO", "c1ccccc1", "CC(=O)O", "CCN"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of a small encoder with random weights."""
    torch.manual_seed(0)
    config = TrainConfig(layers=1)
    path = tmp_path / "checkpoint.pt"
    state = Encoder(config.layers, config.dropout).state_dict()
    save(path, Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g"))
    return path


def test_molecules_are_standardised_as_those_that_the_encoder_was_trained_with(checkpoint: Path) -> None:
    keto, enol = "O=C(O)C1C=CC=CC1=O", "O=C(O)c1ccccc1O"
    one, other = encode([keto, enol], checkpoint)
    assert not np.array_equal(one, other)
    save(checkpoint, replace(load(checkpoint), tautomers="canonical"))
    assert load(checkpoint).tautomers == "canonical"
    one, other = encode([keto, enol], checkpoint)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "wrap",
    [list, tuple, np.array, pd.Series, lambda s: np.array(s)[:, None], lambda s: pd.DataFrame({"smiles": s}), iter],
    ids=["list", "tuple", "array", "series", "column array", "data frame", "iterator"],
)
def test_it_takes_smiles_in_any_one_column_form(checkpoint: Path, wrap) -> None:
    fitted = InfoAlignTransformer(checkpoint).fit(wrap(SMILES))
    embeddings = fitted.transform(wrap(SMILES))
    assert embeddings.shape == (4, 300)
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, encode(SMILES, checkpoint))
    assert np.isfinite(embeddings).all()
    assert len(np.unique(embeddings, axis=0)) == 4


def test_it_works_in_a_pipeline_and_a_column_transformer(checkpoint: Path) -> None:
    table = pd.DataFrame({"smiles": SMILES, "dose": [1.0, 2.0, 3.0, 4.0]})
    columns = make_column_transformer((InfoAlignTransformer(checkpoint), "smiles"), remainder="passthrough")
    model = make_pipeline(columns, Ridge(alpha=1e-6)).fit(table, [3.0, 8.0, 7.0, 3.0])
    np.testing.assert_allclose(model.predict(table), [3, 8, 7, 3], atol=1e-3)


def test_feature_names_and_data_frame_output(checkpoint: Path) -> None:
    fitted = InfoAlignTransformer(checkpoint).set_output(transform="pandas").fit(SMILES)
    names = fitted.get_feature_names_out()
    assert (len(names), names[0], names[-1]) == (300, "infoaligntransformer0", "infoaligntransformer299")
    table = fitted.transform(pd.Series(SMILES, index=list("abcd")))
    assert list(table.columns) == list(names)


def test_a_pickled_or_cloned_transformer_gives_the_same(checkpoint: Path) -> None:
    fitted = InfoAlignTransformer(str(checkpoint), device="cpu").fit(SMILES)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(SMILES), fitted.transform(SMILES))
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        fresh.transform(SMILES)


def test_a_pickled_pipeline_works_in_a_fresh_process(checkpoint: Path, tmp_path: Path) -> None:
    fitted = make_pipeline(InfoAlignTransformer(checkpoint, device="cpu"), Ridge()).fit(SMILES, [3.0, 8.0, 7.0, 3.0])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(fitted))
    code = "import pickle, sys; print(*pickle.load(open(sys.argv[1], 'rb')).predict(sys.argv[2:]))"
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.pkl"), *SMILES], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose([float(word) for word in found.stdout.split()], fitted.predict(SMILES), rtol=1e-4)


def test_its_parameters_can_be_searched(checkpoint: Path) -> None:
    search = GridSearchCV(
        make_pipeline(InfoAlignTransformer(checkpoint, device="cpu"), Ridge()),
        {"infoaligntransformer__precision": ["float32", "bfloat16"], "ridge__alpha": [0.1, 1.0]},
        cv=2,
        error_score="raise",
    ).fit(SMILES, [3.0, 8.0, 7.0, 3.0])
    assert len(search.cv_results_["params"]) == 4
    assert search.predict(SMILES).shape == (4,)


def test_precision_and_batch_size_reach_the_encoder(checkpoint: Path) -> None:
    rough = InfoAlignTransformer(checkpoint, device="cpu", precision="bfloat16", batch_size=2).fit_transform(SMILES)
    expected = encode(SMILES, checkpoint, device="cpu", precision="bfloat16", batch_size=2)
    np.testing.assert_array_equal(rough, expected)
    for wrong in ({"precision": "float8"}, {"batch_size": 0}):
        with pytest.raises(InputError, match="float32 or bfloat16 and batch_size at least 1"):
            InfoAlignTransformer(checkpoint, **wrong).fit(SMILES)


def test_an_invalid_smiles_is_a_row_of_nan_or_an_error_as_asked(checkpoint: Path) -> None:
    embeddings = InfoAlignTransformer(checkpoint).fit_transform(["CC", "C1CC"])
    assert np.isnan(embeddings[1]).all()
    assert not np.isnan(embeddings[0]).any()
    with pytest.raises(InputError, match=r"molecule 2: .*'C1CC'"):
        InfoAlignTransformer(checkpoint, invalid="error").fit_transform(["CC", "C1CC"])


@pytest.mark.parametrize("wrong", ["CCO", [1, 2], ["CC", None], [["CC", "CO"]], np.zeros((2, 3))])
def test_what_is_no_list_of_texts_is_refused(checkpoint: Path, wrong: object) -> None:
    with pytest.raises(InputError, match="SMILES"):
        InfoAlignTransformer(checkpoint).fit(wrong)


def test_unknown_choices_and_missing_checkpoints_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'nan' or 'error'"):
        InfoAlignTransformer(invalid="drop").fit(SMILES)
    with pytest.raises(InputError, match="no device is named"):
        InfoAlignTransformer(device="abacus").fit(SMILES)
    with pytest.raises(ArtefactError, match=r"none\.pt: no checkpoint"):
        InfoAlignTransformer(tmp_path / "none.pt").fit(SMILES)
    with pytest.raises(InputError, match=r"learn\.pretrain"):
        InfoAlignTransformer().fit(SMILES)


def test_the_package_names_it_and_nothing_else() -> None:
    assert learn.InfoAlignTransformer is InfoAlignTransformer
    with pytest.raises(AttributeError, match="nothing"):
        _ = learn.nothing
