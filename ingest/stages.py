"""The stages of an ingest: what each took, and how much of its work an earlier ingest had done already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stage:
    """One stage.

    Attributes
    ----------
    name
        What it does.
    seconds
        How long it took.
    computed, kept
        Records that were worked on now, and those whose result an earlier ingest had left; both 0 where a stage has no
        such records.
    """

    name: str
    seconds: float = 0.0
    computed: int = 0
    kept: int = 0


@dataclass
class Stages:
    """The stages so far.

    Attributes
    ----------
    begin
        Is told the name of a stage when it begins.
    done
        Those that have ended.
    """

    begin: Callable[[str], None] = lambda _: None
    done: list[Stage] = field(default_factory=list)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Stage]:
        """Time a block; it may say what was computed and what was kept."""
        self.begin(name)
        stage = Stage(name)
        started = time.perf_counter()
        yield stage
        stage.seconds = round(time.perf_counter() - started, 3)
        self.done.append(stage)
