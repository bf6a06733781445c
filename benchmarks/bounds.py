"""Proposition 4.2 measured: InfoNCE's and the decoder's bound on a mutual information that is known.

X and Y are Gaussian in 20 dimensions with a correlation chosen for 2, 6 and 10 nats. For every batch size a critic is
trained by InfoNCE, and a Gaussian decoder by its likelihood, on as many pairs a step; both hold their optimum, and both
are then evaluated on new pairs (`learn.bounds` says what is assumed). InfoNCE cannot pass the logarithm of the batch
size; the decoder's bound does not know it. Writes a figure beside the JSON file.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.report import write_report
from graphdb.console import print_table, progress, run, say
from graphdb.files import replacing_file
from learn.bounds import (
    GaussianDecoder,
    QuadraticCritic,
    correlation_of,
    decoder_bound,
    gaussian_pairs,
    infonce,
    standard_entropy,
)

DIMENSION = 20
INFORMATION = (2.0, 6.0, 10.0)
BATCH_SIZES = (16, 64, 256, 1024)
LEARNING_RATE = 0.01
EVALUATED_PAIRS = 16_384
"""At least; they are evaluated in batches of the size that was trained with."""


@dataclass(frozen=True)
class Bounds:
    """Both bounds in nats, each with the standard error of its mean."""

    infonce: float
    infonce_error: float
    decoder: float
    decoder_error: float


def trained_bounds(
    information: float,
    batch_size: int,
    steps: int,
    *,
    evaluated: int = EVALUATED_PAIRS,
    dimension: int = DIMENSION,
    seed: int = 0,
) -> Bounds:
    """Train a critic and a decoder on pairs with this much information, and evaluate both on new pairs.

    The learning rate falls to zero along a cosine, so that what remains is not the noise of the last steps.
    """
    generator = torch.Generator().manual_seed(seed)
    correlation = correlation_of(information, dimension)
    entropy = standard_entropy(dimension)
    critic, decoder = QuadraticCritic(dimension), GaussianDecoder(dimension)
    optimizer = torch.optim.Adam([*critic.parameters(), *decoder.parameters()], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        x, y = gaussian_pairs(batch_size, dimension, correlation, generator)
        optimizer.zero_grad()
        # The two share no weight: this trains each by its own bound.
        loss = -infonce(critic(x, y)) - decoder_bound(entropy, decoder(x, y))
        loss.backward()
        optimizer.step()
        schedule.step()
    contrasts, likelihoods = [], []
    with torch.no_grad():
        for _ in range(max(8, evaluated // batch_size)):
            x, y = gaussian_pairs(batch_size, dimension, correlation, generator)
            contrasts.append(infonce(critic(x, y)))
            likelihoods.append(decoder(x, y))
    contrast, likelihood = torch.stack(contrasts), torch.cat(likelihoods)
    return Bounds(
        infonce=float(contrast.mean()),
        infonce_error=float(contrast.std() / math.sqrt(len(contrast))),
        decoder=float(decoder_bound(entropy, likelihood)),
        decoder_error=float(likelihood.std() / math.sqrt(len(likelihood))),
    )


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw both bounds over the batch size, one panel for each information."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(INFORMATION), figsize=(11, 4), sharex=True, sharey=True, layout="constrained"
    )
    for panel, information in zip(panels, INFORMATION, strict=True):
        sizes = [row["batch_size"] for row in rows if row["information"] == information and row["bound"] == "InfoNCE"]
        panel.axhline(information, color="black", linewidth=1, label="true I(X;Y)")
        panel.plot(sizes, [math.log(size) for size in sizes], ":", color="gray", label="log(batch size)")
        for bound, marker in (("InfoNCE", "o"), ("decoder", "s")):
            values = [row["value"] for row in rows if row["information"] == information and row["bound"] == bound]
            panel.plot(sizes, values, marker=marker, label=f"{bound} bound")
        panel.set(xscale="log", xlabel="batch size", title=f"I = {information:g} nats")
        panel.set_xticks(sizes, [str(size) for size in sizes])
        panel.minorticks_off()
    panels[0].set(ylabel="lower bound on I(X;Y), nats", ylim=(0, 1.1 * max(INFORMATION)))
    panels[0].legend(fontsize="small", frameon=False, loc="upper left")
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    pyplot.close(figure)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bounds", description=__doc__)
    parser.add_argument(
        "--json", type=Path, default=Path("benchmarks/results/bounds.json"), help="default: %(default)s"
    )
    parser.add_argument(
        "--steps", type=int, default=1500, help="of training, for each batch size (default: %(default)s)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, draw, and write the report."""
    began = time.perf_counter()
    rows: list[dict[str, Any]] = []
    table = []
    with progress() as bar:
        task = bar.add_task("bounds", total=len(INFORMATION) * len(BATCH_SIZES))
        for information in INFORMATION:
            for size in BATCH_SIZES:
                found = trained_bounds(information, size, arguments.steps)
                table.append([information, size, math.log(size), found.infonce, found.decoder])
                about = {"unit": "nats", "information": information, "batch_size": size, "log_batch": math.log(size)}
                for bound, value, error in (
                    ("InfoNCE", found.infonce, found.infonce_error),
                    ("decoder", found.decoder, found.decoder_error),
                ):
                    name = f"{bound} bound, I = {information:g} nats, batches of {size}"
                    rows.append({"name": name, "value": value, "error": error, "bound": bound, **about})
                bar.advance(task)
    print_table(
        f"Lower bounds on I(X;Y), Gaussians in {DIMENSION} dimensions, nats",
        ["true I", "batch size", "log(batch size)", "InfoNCE", "decoder"],
        table,
    )
    figure = arguments.json.with_suffix(".png")
    figure.parent.mkdir(parents=True, exist_ok=True)
    plot(rows, figure)
    write_report(arguments.json, "bounds", rows)
    say(f"written to {arguments.json} and {figure} ({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    run(main, build_parser())
