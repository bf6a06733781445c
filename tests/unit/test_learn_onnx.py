"""The encoder as an ONNX file: what it gives is what the encoder gives."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graphdb.errors import InfoAlignError, MissingExtraError
from graphdb.molecule_graphs import MoleculeGraphs
from ingest.features.molecule_graph import featurise
from learn import onnx as command
from learn.batches import to_graph_batch
from learn.checkpoint import Checkpoint, Position, save
from learn.config import TrainConfig
from learn.encode import encode
from learn.encoder import Encoder
from learn.onnx import ExportableEncoder, compare, export, inputs, random_graphs

onnxruntime = pytest.importorskip("onnxruntime")

DOCUMENT = Path(__file__).parents[2] / "docs" / "onnx.md"
SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "CCO", "C", "F/C=C/Cl", "C[C@H](N)C(=O)O", "[Cl-].[NH4+]"]


@pytest.fixture(scope="module")
def model() -> Checkpoint:
    """Three layers, with running means, variances and epsilons as training leaves them, and rows beyond the cap."""
    torch.manual_seed(0)
    encoder = Encoder(3, 0.5)
    generator = torch.Generator().manual_seed(1)
    state = encoder.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            state[name] = torch.rand(tensor.shape, generator=generator) * 5 + 0.5
        elif tensor.is_floating_point():
            state[name] = tensor + 0.1 * torch.randn(tensor.shape, generator=generator)
    config = TrainConfig(layers=3)
    return Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g")


@pytest.fixture(scope="module")
def file(model: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "encoder.onnx"
    difference, largest = export(model, path)
    assert 0 <= difference < 1e-4 * largest
    return path


def run(file: Path, graphs: MoleculeGraphs) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file))
    return np.asarray(session.run(["mu"], inputs(to_graph_batch(graphs, torch.device("cpu"))))[0])


@pytest.mark.parametrize("rows", [[2], [5], [0], [2, 2], [0, 1, 2, 3, 4, 5], [4, 2] * 50])
def test_any_number_of_molecules_of_any_size(model: Checkpoint, file: Path, rows: list[int]) -> None:
    """Among them one atom without bonds, alone and beside others, and one of two parts."""
    graphs = featurise([SMILES[row] for row in rows])
    expected = model.encoder().embed(to_graph_batch(graphs, torch.device("cpu"))).numpy()
    found = run(file, graphs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_every_value_of_every_feature_has_its_row(model: Checkpoint, file: Path) -> None:
    graphs = random_graphs(400, seed=7)
    graphs.validate()
    for features, size in ((graphs.atom_features[:, 0], 119), (graphs.bond_features[:, 1], 6)):
        assert len(np.unique(features)) == size
    difference, largest = compare(model.encoder(), file, graphs)
    assert difference < 1e-4 * largest


def test_the_encoder_is_left_as_it_was(model: Checkpoint) -> None:
    encoder = model.encoder()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    ExportableEncoder(encoder)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_the_file_says_what_it_is(model: Checkpoint, file: Path) -> None:
    meta = onnxruntime.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    assert meta["model_hash"] == model.model_hash
    assert meta["atom_feature_sizes"] == "119 5 12 12 10 6 6 2 2"
    assert meta["bond_feature_sizes"] == "5 6 2"
    assert meta["tautomers"] == "keep"
    assert meta["version_torch"] == torch.__version__.split("+")[0] or meta["version_torch"] == torch.__version__


def test_a_file_that_differs_is_not_written(model: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MAX_NORM", 0.5)
    with pytest.raises(InfoAlignError, match="differs from the encoder"):
        export(model, tmp_path / "encoder.onnx")
    assert list(tmp_path.iterdir()) == []


def test_command(model: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "c.pt", model)
    words = ["--checkpoint", str(tmp_path / "c.pt"), "--out", str(tmp_path / "e.onnx")]
    command.main(command.build_parser().parse_args(words))
    said = capsys.readouterr().out
    assert "checked with onnxruntime on 64 random graphs" in said
    assert f"model {model.model_hash[:16]}" in said
    assert (tmp_path / "e.onnx").stat().st_size > 1e6


def test_a_missing_package_names_the_command(
    model: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"infoalign-db\[onnx\]"):
        export(model, tmp_path / "encoder.onnx")


def test_the_documents_code_gives_the_embeddings(
    model: Checkpoint, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    (tmp_path / "encoder.onnx").write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    assert capsys.readouterr().out == f"(4, 300) {model.model_hash}\n"
    texts = ["CC(=O)Oc1ccccc1C(=O)O", "CCO", "C", "CC(=O)[O-].[Na+]"]
    expected = encode(texts, replace(model), device="cpu")
    np.testing.assert_allclose(names["mu"], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
