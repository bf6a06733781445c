"""What a CUDA device computes is what the CPU computes; needs neither RDKit nor a database (``benchmarks/gpu.sh``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.paper_scale import make_paper_workspace
from benchmarks.training import Parts
from graphdb.walks import WalkConfig
from graphdb.workspace import Workspace
from learn import pretrain
from learn.checkpoint import load
from learn.config import TrainConfig
from learn.device import autocast
from learn.encode import Precision, embed_graphs
from learn.head_training import train_heads
from learn.log import read_log
from learn.loop import build
from learn.metrics import score
from learn.walks import TorchSampler

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
NODES = 1500


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_paper_workspace(tmp_path_factory.mktemp("paper"), NODES).root


@pytest.fixture(autouse=True)
def _exact_products() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


def gradients(made: Path, device: torch.device, config: TrainConfig) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the loss of a batch and its gradients, with dropout at work."""
    parts = Parts(made)
    maker = parts.maker(device)
    encoder, objective = build(config, maker, device)
    encoder.train()
    objective.train()
    batch = maker.make(parts.walks.take(slice(0, 256)))
    torch.manual_seed(5)
    with autocast(config, device):
        total = objective(encoder, batch).total
    total.backward()
    networks = {"encoder": encoder, "objective": objective}
    return total.item(), {
        f"{name}.{key}": parameter.grad.float().cpu()
        for name, network in networks.items()
        for key, parameter in network.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.999), ("bfloat16", 0.9)])
def test_loss_and_gradients_are_the_cpus(made: Path, precision: Precision, least: float) -> None:
    expected, of_cpu = gradients(made, CPU, TrainConfig())
    found, of_gpu = gradients(made, CUDA, TrainConfig(precision=precision))
    assert found == pytest.approx(expected, rel=1e-4 if precision == "float32" else 2e-2)
    assert of_gpu.keys() == of_cpu.keys()
    one, other = (torch.cat([grads[key].flatten() for key in sorted(of_cpu)]) for grads in (of_cpu, of_gpu))
    assert torch.cosine_similarity(one, other, dim=0) > least


def test_embeddings_are_the_cpus(made: Path) -> None:
    parts = Parts(made)
    encoder, _ = build(TrainConfig(), parts.maker(CPU), CPU)
    graphs = parts.molecules.take(np.arange(300))
    expected = embed_graphs(encoder, graphs, device="cpu", quiet=True)
    exact = embed_graphs(encoder, graphs, device="cuda", quiet=True)
    np.testing.assert_allclose(exact, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    rough = embed_graphs(encoder, graphs, device="cuda", precision="bfloat16", quiet=True)
    assert np.linalg.norm(rough - expected) < 0.05 * np.linalg.norm(expected)


def test_walks_of_a_gpu_follow_edges_by_their_weights(made: Path) -> None:
    parts = Parts(made)
    topology = WalkConfig().topology(parts.snapshot)
    start = int(np.argmax(np.diff(topology.indptr)))
    config = WalkConfig(walks_per_node=20_000, weighted=True)
    walks = TorchSampler(parts.snapshot, config, device="cuda").sample(np.array([start]))
    begin, end = topology.indptr[start], topology.indptr[start + 1]
    neighbours, weights = topology.indices[begin:end], topology.weights[begin:end].astype(float)
    seen = np.array([(walks.nodes[:, 1] == node).sum() for node in neighbours])
    expected = 20_000 * weights / weights.sum()
    assert seen.sum() == 20_000
    assert (np.abs(seen - expected) < 5 * np.sqrt(expected) + 5).all()
    again = TorchSampler(parts.snapshot, config, device="cuda").sample(np.array([start]))
    np.testing.assert_array_equal(again.nodes, walks.nodes)


def test_pretraining_learns_stops_and_goes_on(made: Path) -> None:
    words = ["--workspace", str(made), "--batch-size", "128", "--walk-epochs", "2", "--precision", "bfloat16"]
    words += ["--lr", "1e-3", "--ema", "0.99", "--clip", "1", "--device", "cuda", "--epochs", "4", "--run", "gpu"]
    pretrain.main(pretrain.build_parser().parse_args([*words, "--max-minutes", "0.001"]))
    folder = Workspace(made).runs / "gpu"
    first = load(folder / "checkpoint.pt").position
    pretrain.main(pretrain.build_parser().parse_args([*words, "--resume"]))
    losses = [line["loss"] for line in read_log(folder / "log.jsonl")]
    finished = load(folder / "checkpoint.pt").position
    assert first.epoch < 4
    assert finished.epoch == 4
    assert len(losses) == finished.step
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_heads_trained_on_a_gpu_find_what_is_there() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 20)).astype(np.float32)
    labels = (x[:, :3] > 0).astype(np.float32)
    train, valid = (x[:300], labels[:300]), (x[300:450], labels[300:450])
    for head in train_heads("classification", "auc", train, valid, seeds=(0, 1), device="cuda"):
        assert score("auc", labels[450:], head.predict(x[450:])).mean > 0.75
