"""The loss curve in bfloat16 beside that in float32, from equal weights, with equal batches and random numbers.

``python -m benchmarks.curves --workspace DIR --out FILE`` writes ``{"float32": […], "bfloat16": […]}``: the loss of
every step. Each step is as in `learn.loop`: torch's generator is seeded by the step.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from benchmarks.training import Parts
from graphdb.console import run
from graphdb.files import write_json
from graphdb.walks import Walks
from learn.batches import BatchMaker
from learn.config import TrainConfig
from learn.device import autocast, resolve_device
from learn.loop import build


def loss_curve(maker: BatchMaker, walks: Walks, config: TrainConfig, device: torch.device, steps: int) -> list[float]:
    """Return the losses of `steps` steps with the settings `config`, from the weights of its seed."""
    encoder, objective = build(config, maker, device)
    networks = nn.ModuleList([encoder, objective]).train()
    optimizer = torch.optim.Adam(networks.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    losses = []
    batches = max(1, len(walks) // config.batch_size)
    for number in range(steps):
        first = (number % batches) * config.batch_size
        batch = maker.make(walks.take(slice(first, first + config.batch_size)))
        torch.manual_seed(number)
        with autocast(config, device):
            total = objective(encoder, batch).total
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        losses.append(total.item())
    return losses


def largest_difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest |other − one| / |one| of two curves."""
    return max(abs(b - a) / abs(a) for a, b in zip(one, other, strict=True))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True, help="made by benchmarks.paper_scale")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--dropout", type=float, default=0.0)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Train twice, and write both curves."""
    device = resolve_device(arguments.device)
    torch.use_deterministic_algorithms(device.type == "cpu")
    parts = Parts(arguments.workspace)
    maker = parts.maker(device)
    plain = TrainConfig(batch_size=arguments.batch_size, dropout=arguments.dropout)
    curves = {
        config.precision: loss_curve(maker, parts.walks, config, device, arguments.steps)
        for config in (plain, replace(plain, precision="bfloat16"))
    }
    write_json(arguments.out, curves)


if __name__ == "__main__":
    run(main, build_parser())
