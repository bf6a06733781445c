"""The picture of a matching: how far down the lists what belongs together stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphdb.files import replacing_file
from learn.ranking import Ranking, chance_curve


def draw(rankings: Sequence[tuple[str, str, Ranking]], title: str, path: Path) -> None:
    """Draw the distribution of the rank of the best relevant candidate, one panel a direction, as PNG.

    A curve at rank k is HIT at k. What chance gives is dashed; a curve above it finds, one below it misleads.

    Parameters
    ----------
    rankings
        System, direction and ranking of each curve.
    title
        Of the picture.
    path
        The file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    directions = list(dict.fromkeys(direction for _, direction, _ in rankings))
    systems = list(dict.fromkeys(name for name, _, _ in rankings))
    figure, panels = plt.subplots(
        1, len(directions), figsize=(6.2 * len(directions), 4.6), layout="constrained", squeeze=False
    )
    for axes, direction in zip(panels[0], directions, strict=True):
        shown = [(name, ranking) for name, way, ranking in rankings if way == direction]
        for name, ranking in shown:
            ranks = np.arange(1, ranking.candidates + 1)
            share = np.searchsorted(np.sort(ranking.first), ranks, side="right") / len(ranking.first)
            style = ":" if "untrained" in name else "-"
            axes.step(ranks, share, style, where="post", label=name, color=f"C{systems.index(name)}")
        _, any_of = shown[0]
        curve = chance_curve(any_of.relevant, any_of.candidates)
        axes.plot(np.arange(1, len(curve) + 1), curve, "--", color="black", label="chance")
        axes.set(
            xscale="log", ylim=(0, 1), xlabel="rank of the best that belongs", ylabel="share at that rank or above",
            title=f"{direction}: {len(any_of.ranks):,} lists of {any_of.candidates:,}",
        )  # fmt: skip
        axes.legend(fontsize=7, loc="upper left")
    figure.suptitle(title)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    plt.close(figure)
