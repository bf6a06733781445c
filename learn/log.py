"""The log of a run: a line of JSON a step; and its plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError
from graphdb.files import replacing_file

KL = "kl"
"""Name of the KL divergence among the parts of a loss."""
SMOOTHING = 20
"""Steps over which the drawn curves are averaged."""


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a log, in order; none where there is no log.

    A last line that a killed run left half-written is passed over.
    """
    if not path.exists():
        return []
    steps = []
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            steps.append(json.loads(line))
        except json.JSONDecodeError:
            if number < len(lines):
                raise ArtefactError(f"{path}:{number}: not valid JSON") from None
    return steps


def cut_log(path: Path, first: int, by: str = "step") -> None:
    """Take the lines from step (or epoch) `first` on out of a log: a run that resumes does them again."""
    kept = [line for line in read_log(path) if line[by] < first]
    with replacing_file(path) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))


def plot(steps: list[dict[str, Any]], path: Path, measured: list[dict[str, Any]] | None = None) -> None:
    """Draw the loss and its parts over the steps, as PNG; the KL divergence, which is of another size, by itself.

    `measured` are the same on held-out molecules, drawn as dots.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    x = np.array([step["step"] for step in steps])
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    left.plot(x, [step["loss"] for step in steps], color="0.8", linewidth=0.8)
    left.plot(x, smooth([step["loss"] for step in steps]), color="C0")
    if measured:
        left.plot([found["step"] for found in measured], [found["loss"] for found in measured], "o--", color="C1")
    left.set(title="loss" + (" (dots: held-out molecules)" if measured else ""), xlabel="step", ylabel="nats")
    for name in sorted({name for step in steps for name in step["parts"]}):
        axes = right if name == KL else middle
        met = [step for step in steps if name in step["parts"]]
        y = smooth([step["parts"][name] for step in met])
        (line,) = axes.plot([step["step"] for step in met], y, label=name)
        if measured:
            dots = [found["parts"].get(name, np.nan) for found in measured]
            axes.plot([found["step"] for found in measured], dots, "o--", color=line.get_color(), markersize=3)
    middle.set(title="parts of the loss, and what is shown beside it", xlabel="step")
    if middle.lines:
        middle.legend(fontsize=7)
    right.set(title="KL(p(z|x) || N(0, I))", xlabel="step", ylabel="nats a molecule")
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    plt.close(figure)


def smooth(values: list[float]) -> npt.NDArray[np.float64]:
    """Return the running mean over the last `SMOOTHING` values."""
    total = np.cumsum(np.asarray(values, dtype=np.float64))
    lagged = np.concatenate([np.zeros(min(SMOOTHING, len(total))), total[:-SMOOTHING]])
    mean: npt.NDArray[np.float64] = (total - lagged) / np.minimum(np.arange(1, len(total) + 1), SMOOTHING)
    return mean
