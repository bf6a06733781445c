"""What the tests of pretraining objectives share: tiny workspaces, runs of the real loop, molecules made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch

from benchmarks.synthetic import Size, make_workspace
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs
from graphdb.snapshot import Snapshot
from graphdb.walks.memory import MemorySampler
from graphdb.workspace import Workspace
from learn import pretrain
from learn.batches import Batch, BatchMaker
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.graph_batch import GraphBatch
from learn.log import read_log
from learn.objectives import recipe_of

CPU = torch.device("cpu")


@dataclass(frozen=True)
class TableSpace:
    """A feature space as objectives know it (`learn.spaces.SpaceOnDevice`), of tensors that a test makes.

    row_of_node (n,) int32; targets (k, D) float32; observed (k, D) bool or None; batches (k,) int64 or None.
    """

    row_of_node: torch.Tensor
    targets: torch.Tensor
    observed: torch.Tensor | None = None
    batches: torch.Tensor | None = None
    n_batches: int = 1

    @property
    def device(self) -> torch.device:
        return self.targets.device

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, nodes: torch.Tensor) -> torch.Tensor:
        return torch.where(nodes >= 0, self.row_of_node[nodes].to(torch.int64), -1)

    def values(self, rows: torch.Tensor) -> torch.Tensor:
        values = self.targets[rows].float()
        return values if self.observed is None else values.masked_fill(~self.observed[rows], torch.nan)


SIZE = Size(molecules=16, genes=3, profiles=10, atoms=(8, 14), bits=16, features=12, batches=3)
BY_HEART = ("--epochs", "60", "--batch-size", "16", "--layers", "2", "--dropout", "0", "--lr", "3e-3")


def run(workspace: Workspace, objective: str, *more: str, settings: Sequence[str] = BY_HEART) -> Path:
    """Train by the command; return the folder of the run."""
    words = ["--workspace", str(workspace.root), "--objective", objective, "--walk-epochs", "2", "--device", "cpu"]
    arguments = pretrain.build_parser().parse_args([*words, *settings, *more])
    pretrain.main(arguments)
    return workspace.runs / arguments.run


def losses(folder: Path) -> list[dict[str, Any]]:
    return read_log(folder / "log.jsonl")


def workspace_of(folder: Path, size: Size = SIZE) -> Workspace:
    return make_workspace(folder, size)


def maker_of(workspace: Workspace) -> BatchMaker:
    return BatchMaker(
        Snapshot.load(workspace.snapshot),
        FeatureStore.open(workspace.features),
        MoleculeGraphs.load(workspace.molecule_graphs),
        CPU,
        sums=False,
    )


def batch_of(workspace: Workspace, config: TrainConfig) -> Batch:
    """Return all starts of an objective as one batch."""
    recipe = recipe_of(config)
    snapshot = Snapshot.load(workspace.snapshot)
    walks = MemorySampler(snapshot, recipe.walks(config)).sample(recipe.starts(snapshot))
    return maker_of(workspace).make(walks)


def graphs_of(molecules: Sequence[nx.Graph], seed: int = 0) -> GraphBatch:
    """Return molecules of random features, their atoms and bonds those of NetworkX graphs."""
    rng = np.random.default_rng(seed)
    counts = [molecule.number_of_nodes() for molecule in molecules]
    first = np.concatenate([[0], np.cumsum(counts)])
    ends, features = [], []
    for shift, molecule in zip(first[:-1], molecules, strict=True):
        for one, other in molecule.edges:
            bond = [rng.integers(0, most) for most in BOND_FEATURE_SIZES]
            ends += [(shift + one, shift + other), (shift + other, shift + one)]
            features += [bond, bond]
    order = np.argsort([target for _, target in ends], kind="stable")
    x = np.stack([rng.integers(0, most, first[-1]) for most in ATOM_FEATURE_SIZES], axis=1)
    return GraphBatch(
        x=torch.from_numpy(x),
        edge_index=torch.tensor(np.array(ends, dtype=np.int64).reshape(-1, 2)[order].T.copy()),
        edge_attr=torch.tensor(np.array(features, dtype=np.int64).reshape(-1, 3)[order]),
        batch=torch.from_numpy(np.repeat(np.arange(len(molecules)), counts)),
        size=len(molecules),
    )


def random_molecule(atoms: int, rings: int, seed: int) -> nx.Graph:
    """Return a connected graph: a random tree with some bonds more."""
    rng = np.random.default_rng(seed)
    molecule = nx.Graph()
    molecule.add_nodes_from(range(atoms))
    molecule.add_edges_from((child, int(rng.integers(max(0, child - 3), child))) for child in range(1, atoms))
    for _ in range(rings):
        one, other = rng.integers(0, atoms, 2)
        if one != other:
            molecule.add_edge(int(one), int(other))
    return molecule


def gradients(encoder: Encoder) -> dict[str, float]:
    """Return the largest gradient by weight, of those that have one."""
    return {
        name: float(weight.grad.abs().max()) for name, weight in encoder.named_parameters() if weight.grad is not None
    }
