"""What a run shows while it trains: its pace, and curves for TensorBoard."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphdb.errors import InputError
from learn.log import KL
from learn.loop import StepReport
from learn.validation import Validation

WINDOW = 50
"""Steps over which the rate is averaged."""


class Pace:
    """The rate of the last steps, and how long the others will take.

    Parameters
    ----------
    steps
        Of the whole run.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._recent: deque[tuple[int, float]] = deque(maxlen=WINDOW)

    def of(self, report: StepReport) -> str:
        """Return in words the loss and its parts, the rate, and the time left."""
        self._recent.append((report.molecules, report.seconds))
        seconds = sum(taken for _, taken in self._recent)
        rate = sum(molecules for molecules, _ in self._recent) / max(seconds, 1e-9)
        left = (self._steps - report.step - 1) * seconds / len(self._recent)
        parts = "  ".join(f"{name} {value:.3g}" for name, value in report.parts.items() if name != KL)
        divergence = f"  KL {report.parts[KL]:.3g}" if KL in report.parts else ""
        return f"loss {report.loss:.4f}  {parts}{divergence}  {rate:,.0f} molecules/s  {_words(left)} left"


class Board:
    """Writes the curves of a run for TensorBoard.

    Parameters
    ----------
    writer
        A ``torch.utils.tensorboard.SummaryWriter``.
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def step(self, report: StepReport) -> None:
        """Write a step."""
        self._writer.add_scalar("train/loss", report.loss, report.step)
        for name, value in report.parts.items():
            self._writer.add_scalar(f"train/{name}", value, report.step)
        self._writer.add_scalar("learning rate", report.lr, report.step)
        self._writer.add_scalar("molecules per second", report.molecules / max(report.seconds, 1e-9), report.step)

    def validation(self, found: Validation) -> None:
        """Write a measurement on held-out molecules."""
        self._writer.add_scalar("held out/loss", found.loss, found.step)
        for name, value in found.parts.items():
            self._writer.add_scalar(f"held out/{name}", value, found.step)


@contextmanager
def board(folder: Path, step: int) -> Iterator[Board]:
    """Open the curves of a run in `folder`; what was written there for `step` and later is not shown any more.

    Raises
    ------
    InputError
        If TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError(
            "--tensorboard needs TensorBoard; install it with: pip install 'infoalign-db[tensorboard]'"
        ) from None
    with SummaryWriter(folder, purge_step=step) as writer:
        yield Board(writer)


def _words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
