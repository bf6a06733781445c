"""What the benchmark of pretraining counts and compares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.curves import largest_difference, loss_curve
from benchmarks.encode import made_up, memory, random_checkpoint
from benchmarks.matrices import forward_flops, product_rate, step_flops
from benchmarks.paper_scale import DIMENSIONS, make_paper_workspace
from benchmarks.pretrain import BFLOAT16, FLOAT32, PUBLISHED, _rows_of_systems
from benchmarks.pretrain import build_parser as build_pretrain_parser
from benchmarks.pretrain import main as pretrain_main
from benchmarks.training import STAGES, Clock, Ours, Parts, Published, build_parser, measure, step
from graphdb.errors import InputError
from ingest.features.molecule_graph import featurise
from learn.checkpoint import save
from learn.config import TrainConfig
from learn.kernels import products

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """What is measured demands deterministic algorithms, as `learn.pretrain` does; other tests need not have them."""
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_paper_workspace(tmp_path_factory.mktemp("paper"), 300).root


def test_counted_operations_are_those_that_torch_counts(workspace: Path) -> None:
    system = Published(Parts(workspace), 8, CPU)
    batch = system.next_batch()
    atoms = len(batch[0].x) / 8
    with FlopCounterMode(display=False) as counter:
        total = system.loss(batch, Clock(CPU, on=False))
        forward = counter.get_total_flops()
        total.backward()
    assert forward / 8 == pytest.approx(forward_flops(atoms, DIMENSIONS), rel=1e-6)
    # Backward has twice as many, but for the input of the first layer of all.
    assert counter.get_total_flops() / 8 == pytest.approx(step_flops(atoms, DIMENSIONS), rel=0.03)


def test_the_operations_of_a_drug_are_these() -> None:
    # By hand: 27 atoms · 5 layers · 720,000 + 4 · 720,000 + 360,000 + six decoders.
    decoders = 6 * 2 * 300 * 1200 + 2 * 1200 * 6724
    assert forward_flops(27, DIMENSIONS) == 27 * 5 * 720_000 + 4 * 720_000 + 360_000 + decoders
    assert product_rate(CPU, torch.float32, atoms=64, seconds=0.01) > 0


@pytest.mark.parametrize("system", ["published", "ours"])
def test_a_measurement_counts_its_steps_and_splits_them(workspace: Path, system: str, tmp_path: Path) -> None:
    words = ["--system", system, "--workspace", str(workspace), "--out", "unused", "--device", "cpu"]
    profile = tmp_path / "profile.txt"
    words += ["--batch-size", "8", "--steps", "2", "--seconds", "100", "--warm", "1", "--profile", str(profile)]
    found = measure(build_parser().parse_args(words))
    assert found["steps"] == 2
    assert found["molecules_per_second"] == pytest.approx(8 * 1000 / found["step_ms"])
    assert tuple(found["split_ms"]) == STAGES
    assert all(spent > 0 for spent in found["split_ms"].values())
    assert 0.7 < sum(found["split_ms"].values()) / found["step_ms"] <= 1
    assert found["peak_mib"] >= found["loaded_mib"] > 50
    assert found["dimensions"] == list(DIMENSIONS)
    whole = step_flops(found["mean_atoms"], DIMENSIONS)
    assert 0.5 * whole < found["flops_per_molecule"] < 1.3 * whole  # eight molecules are more or less than the mean
    by_onednn = system == "ours" and products.by_onednn(torch.empty(8, 300))
    assert ("mkldnn::_linear_pointwise" if by_onednn else "aten::addmm") in profile.read_text()


def test_batches_that_are_too_large_are_refused(workspace: Path) -> None:
    words = ["--system", "ours", "--workspace", str(workspace), "--out", "unused", "--device", "cpu"]
    with pytest.raises(InputError, match="batches of 1024 molecules, but the graph has"):
        measure(build_parser().parse_args(words))


def test_both_systems_learn_and_batches_made_once_come_round(workspace: Path) -> None:
    parts = Parts(workspace)
    config = TrainConfig(dropout=0.0)
    for system in (Published(parts, 16, CPU), Ours(parts, 16, config, CPU, "", 1)):
        first = system.next_batch()
        quiet = Clock(CPU, on=False)
        before = system.loss(first, quiet).item()
        for _ in range(12):
            step(system, quiet)
        assert system.loss(first, quiet).item() < before
    ours = Ours(parts, 4, config, CPU, "", 2)
    first, second, third = (ours.next_batch() for _ in range(3))
    assert third is first
    assert second is not first


def test_a_loss_that_is_not_finite_stops(workspace: Path) -> None:
    system = Ours(Parts(workspace), 4, TrainConfig(), CPU, "", 0)
    with torch.no_grad():
        next(system.networks.parameters()).fill_(torch.nan)
    with pytest.raises(InputError, match="the loss is nan"):
        step(system, Clock(CPU, on=False))


def test_curves_begin_at_equal_weights_and_bfloat16_stays_near(workspace: Path) -> None:
    parts = Parts(workspace)
    maker = parts.maker(CPU)
    plain = TrainConfig(batch_size=8, dropout=0.0, layers=2)
    one = loss_curve(maker, parts.walks, plain, CPU, 3)
    again = loss_curve(maker, parts.walks, plain, CPU, 3)
    half = loss_curve(maker, parts.walks, replace(plain, precision="bfloat16"), CPU, 3)
    assert one == again
    assert 0 < largest_difference(one, half) < 0.02
    assert largest_difference([2.0, 4.0], [2.2, 3.8]) == pytest.approx(0.1)


def test_rows_are_medians_and_ratios_round_by_round() -> None:
    def measured(rate: float) -> dict[str, object]:
        split = dict.fromkeys(STAGES, 10.0)
        about = {"device": "cpu", "threads": 2, "mean_atoms": 27.0, "nodes": 12_000, "dimensions": list(DIMENSIONS)}
        return {
            "molecules_per_second": rate,
            "steps": 3,
            "peak_mib": 2048.0,
            "loaded_mib": 1024.0,
            "cuda_peak_mib": None,
            "flops_per_molecule": 1e9,
            "split_ms": split,
            **about,
        }

    # The machine is half as fast in the second round: rates halve, the ratios stay.
    rounds = {
        PUBLISHED: [measured(rate) for rate in (100, 50, 100)],
        FLOAT32: [measured(rate) for rate in (300, 150, 330)],
        BFLOAT16: [measured(rate) for rate in (900, 450, 900)],
    }
    rows = {row["name"]: row for row in _rows_of_systems(rounds, {"float32": [1e11, 1e11], "bfloat16": [4e11]})}
    assert rows[f"{PUBLISHED}: training"]["value"] == 100
    assert rows[f"{FLOAT32} / published"]["value"] == 3
    assert rows[f"{FLOAT32} / published"]["rounds"] == [3, 3, 3.3]
    assert rows[f"{BFLOAT16} / published"]["value"] == 9
    assert rows[f"{FLOAT32}: resident memory at its highest"]["value"] == 2
    share = 300 * 1e9 / 1e11
    assert rows[f"{FLOAT32}: share of the rate of matrix products"]["value"] == pytest.approx(100 * share)


def test_the_made_up_molecules_are_molecules() -> None:
    some = list(islice(made_up(), 500))
    assert len(set(some)) == len(some)
    graphs = featurise(some)
    assert len(graphs) == 500
    assert 10 < np.diff(graphs.atom_offsets).mean() < 60


def test_the_clock_is_silent_when_it_is_off() -> None:
    clock = Clock(CPU, on=False)
    with clock.stage("batch"):
        nn.Identity()
    assert not clock.seconds


@pytest.mark.slow
def test_the_whole_comparison_runs_and_is_written(tmp_path: Path) -> None:
    out = tmp_path / "pretrain.json"
    words = ["--device", "cpu", "--seconds", "0.1", "--rounds", "1", "--batch-size", "8", "--nodes", "300"]
    words += ["--large", "0", "--curve-steps", "1", "--curve-batch", "4", "--json", str(out)]
    pretrain_main(build_pretrain_parser().parse_args(words))
    report = json.loads(out.read_text())
    rows = {row["name"]: row["value"] for row in report["rows"]}
    ratio = rows[f"{FLOAT32}: training"] / rows[f"{PUBLISHED}: training"]
    assert rows[f"{FLOAT32} / published"] == pytest.approx(ratio)
    assert rows["embedding of packed graphs"] > 0
    assert 0 < rows["loss in bfloat16 beside float32, largest difference, dropout 0"] < 2


@pytest.mark.slow
def test_memory_of_the_encoding_command_is_seen(tmp_path: Path) -> None:
    save(tmp_path / "random.pt", random_checkpoint())
    row = memory(
        [smiles for smiles, _ in zip(made_up(), range(30), strict=False)], tmp_path / "random.pt", tmp_path, "cpu"
    )
    assert row["molecules"] == 30
    assert 0.1 < row["value"] < 8
    assert (tmp_path / "30.parquet").exists()
