"""The loss on molecules that no training walk has touched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from graphdb.walks.shards import ShardReader
from learn import ranks
from learn.batches import BatchMaker
from learn.checkpoint import Position
from learn.config import TrainConfig
from learn.device import autocast
from learn.encoder import Encoder
from learn.objectives import Objective

BATCH = 1024
"""Molecules in a batch that is only measured."""


@dataclass(frozen=True)
class Data:
    """What a run reads.

    Attributes
    ----------
    reader
        The walks that are trained on.
    maker
        Makes batches of them.
    held_out
        Walks of molecules that are not trained on; None where no loss on such is asked for.
    """

    reader: ShardReader
    maker: BatchMaker
    held_out: ShardReader | None = None


@dataclass(frozen=True)
class Validation:
    """The loss on held-out molecules.

    Attributes
    ----------
    epoch, step
        After which epoch (from 0), and how many steps.
    loss, parts
        As in training, but in eval mode, without dropout; parts by name, without those that no walk met.
    molecules
        On how many.
    """

    epoch: int
    step: int
    loss: float
    parts: Mapping[str, float]
    molecules: int


def chosen(keys: npt.NDArray[np.str_] | Sequence[str], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which molecules are held out for validation, (n,), by a hash of their InChIKeys' first blocks.

    So stereoisomers stay together, and a molecule stays on its side whatever else the graph holds.
    """
    limit = int(share * 2**64)
    blocks = (f"{seed} {key[:14]}".encode() for key in keys)
    hashes = (int.from_bytes(hashlib.blake2b(block, digest_size=8).digest(), "big") for block in blocks)
    return np.fromiter((number < limit for number in hashes), dtype=np.bool_, count=len(keys))


@torch.no_grad()
def validate(
    encoder: Encoder, objective: Objective, data: Data, config: TrainConfig, device: torch.device, at: Position
) -> Validation:
    """Measure the loss on the held-out molecules, each part weighed by what it averages over.

    Every rank measures all of them, so that each knows the same. The same walks and, where an objective draws random
    numbers, the same numbers are taken each time.
    """
    assert data.held_out is not None
    modes = encoder.training, objective.training
    encoder.eval()
    objective.eval()
    state = torch.random.get_rng_state()
    torch.manual_seed(config.seed)
    sums: dict[str, float] = {}
    weights: dict[str, float] = {}
    molecules, total = 0, 0.0
    with ranks.by_itself(), autocast(config, device):
        walks = data.held_out.read(0)
        for begin in range(0, len(walks), BATCH):
            part = walks.take(slice(begin, begin + BATCH))
            result = objective(encoder, data.maker.make(part))
            total += len(part) * float(result.total)
            molecules += len(part)
            for name, value in result.parts.items():
                weight = float(result.weights.get(name, torch.tensor(len(part))))
                sums[name] = sums.get(name, 0.0) + weight * float(value)
                weights[name] = weights.get(name, 0.0) + weight
    torch.random.set_rng_state(state)
    encoder.train(modes[0])
    objective.train(modes[1])
    # What no walk met has no loss; 0 would look like a perfect one.
    parts = {name: sums[name] / weights[name] for name in sums if weights[name]}
    return Validation(at.epoch, at.step, total / max(1, molecules), parts, molecules)
