"""AnnData of the small graph, written and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _queries_graph import ASPIRIN, SALICYLIC_ACID

from graphdb import connect, vectors
from graphdb.errors import InputError
from graphdb.feature_store import FeatureStoreWriter
from graphdb.meta import read_meta
from graphdb.schema import NodeType
from queries.export import build_parser, main, to_anndata

anndata = pytest.importorskip("anndata")
pytestmark = pytest.mark.graph
IDS = ["00000000000000a1", "00000000000000a2", "00000000000000a4"]
VALUES = np.array([[1, 2], [3, np.nan], [5, 6]], dtype=np.float32)


@pytest.fixture(autouse=True)
def features(small_graph: Path, store) -> None:
    with FeatureStoreWriter(small_graph / "features") as writer:
        writer.add(NodeType.MORPHOLOGY, "plate-3", IDS, ["area", "shape"], VALUES)
        writer.finish({"graph_hash": read_meta(store).content_hash})


def test_profiles_with_what_was_perturbed(store) -> None:
    made = to_anndata(store, "plate-3")
    assert made.obs_names.tolist() == IDS
    assert made.var_names.tolist() == ["area", "shape"]
    np.testing.assert_array_equal(made.X, VALUES)
    assert made.obs["perturbed"].tolist() == ["Aspirin", "salicylic acid", "KIT"]
    assert made.obs["perturbed_type"].tolist() == ["Molecule", "Molecule", "Gene"]
    assert made.obs["perturbed_key"].astype(str).tolist() == [ASPIRIN, SALICYLIC_ACID, "3815"]
    assert made.obs["simulated"].tolist() == [False, False, False]
    assert not made.obsm
    assert to_anndata(store, "Morphology/plate-3", scaled=True).X[:, 0].tolist() == [0, 0.5, 1]


def test_a_file_is_read_again_with_embeddings(store, small_graph: Path, tmp_path: Path, capsys) -> None:
    vector = np.random.default_rng(0).normal(size=(1, 300)).astype(np.float32)
    with connect() as writable:
        vectors.publish(writable, [ASPIRIN], vector, "c" * 64)
    try:
        file = tmp_path / "profiles.h5ad"
        main(build_parser().parse_args(["--space", "plate-3", "--h5ad", str(file)]))
        assert "3 profiles of 2 features, 1 with an embedding" in capsys.readouterr().out
        read = anndata.read_h5ad(file)
        np.testing.assert_allclose(read.obsm["X_infoalign"][0], vector[0], rtol=1e-5)
        assert np.isnan(read.obsm["X_infoalign"][1:]).all()
        assert read.obs["feature_space"].tolist() == ["plate-3"] * 3
        assert read.uns["feature_space"] == "plate-3"
        np.testing.assert_array_equal(read.X, VALUES)
    finally:
        with connect() as writable:
            vectors.withdraw(writable)


def test_an_unknown_space_lists_those_that_are_there(store) -> None:
    with pytest.raises(InputError, match="Morphology/plate-3"):
        to_anndata(store, "nothing")
