"""In what order cells are computed, and computing them in processes, each cell once."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from graphdb.errors import InfoAlignError
from learn.evaluation.cells import Cell, Fitted, Predictions, Store
from learn.evaluation.problem import Problem
from learn.evaluation.system import System
from learn.tasks import TASKS, TaskData, load

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Sources:
    """What a worker needs to make data sets and systems again: paths, no objects.

    Attributes
    ----------
    data
        Folder, or file of the one data set, by its name.
    checkpoints
        Of the encoders.
    cache
        Folder for what is computed of molecules.
    workspace
        Of the graph whose profiles are read; None: none are.
    device
        Of systems that train a network.
    threads
        Of a worker.
    """

    data: Mapping[str, Path]
    checkpoints: tuple[Path, ...]
    cache: Path
    workspace: Path | None = None
    device: str = "cpu"
    threads: int = 1

    def problem(self, task: str, fitted: Fitted = "train") -> Problem:
        """Return a data set."""
        return Problem(_loaded(task, self.data[task]), self.cache, self.device, fitted)

    def systems(self) -> dict[str, System]:
        """Return the catalogue."""
        return _catalogue(self.checkpoints, self.workspace)


@dataclass(frozen=True)
class Job:
    """Cells that are computed in one go: one system on one data set, one seed or several."""

    task: str
    system: str
    seeds: tuple[int, ...]
    fitted: Fitted = "train"


def cell_of(data: TaskData, system: System, seed: int, fitted: Fitted = "train") -> Cell:
    """Return the cell of a seed; one stands for all where nothing is random."""
    return Cell(data.task.name, data.sha256, system.name, seed if system.random else 0, dict(system.settings), fitted)


def missing_jobs(
    problems: Sequence[Problem],
    systems: Sequence[System],
    seeds: int,
    store: Store,
    *,
    wanted: Callable[[Problem, System], bool],
    refit: Sequence[str] = (),
    parts: int = 1,
) -> list[Job]:
    """Return what is to be computed: seed 0 of everything first, the cheap before the dear, then seed 1.

    Parameters
    ----------
    problems, systems, seeds
        What the table shall have.
    store
        What is there is left out.
    wanted
        Whether a system is to be run on a data set.
    refit
        Systems that are fitted on train and validation set together too, after their seed on the train set.
    parts
        Jobs that seeds which are best computed at once are shared among.
    """
    ordered: list[tuple[tuple[int, int, float, int], Job]] = []
    for place, problem in enumerate(problems):
        size = len(problem.data.smiles) * problem.data.labels.shape[1]
        for system in systems:
            if not wanted(problem, system):
                continue
            count = seeds if system.random else 1
            for fitted in ("train", "train+valid") if system.name in refit else ("train",):
                lacking = [seed for seed in range(count) if not store.has(cell_of(problem.data, system, seed, fitted))]
                at_once = max(1, math.ceil(len(lacking) / parts)) if system.together else 1
                for start in range(0, len(lacking), at_once):
                    chosen = tuple(lacking[start : start + at_once])
                    key = (chosen[0], int(fitted != "train"), system.cost * size, place)
                    ordered.append((key, Job(problem.data.task.name, system.name, chosen, fitted)))
    return [job for _, job in sorted(ordered, key=lambda pair: pair[0])]


def run_jobs(
    sources: Sources,
    jobs: Sequence[Job],
    store: Store,
    *,
    processes: int,
    deadline: float,
    on_done: Callable[[Job, float], object],
    on_failed: Callable[[Job, str], object],
) -> int:
    """Compute jobs and keep their cells; return how many jobs were not begun, for the time was over.

    Parameters
    ----------
    sources
        What workers read.
    jobs
        In this order.
    store
        Where cells go, each as soon as it is there.
    processes
        How many jobs are in work at once; 1: in this process.
    deadline
        By `time.monotonic`; no job is begun after it.
    on_done, on_failed
        Are told of each job: its seconds, or why it failed. One that fails does not stop the others.

    Raises
    ------
    InfoAlignError
        If a worker process dies. What was computed before is kept.
    """
    waiting = list(reversed(jobs))

    def finish(job: Job, found: list[Predictions], seconds: float) -> None:
        problem, system = sources.problem(job.task, job.fitted), sources.systems()[job.system]
        for seed, predictions in zip(job.seeds, found, strict=True):
            store.put(cell_of(problem.data, system, seed, job.fitted), predictions)
        on_done(job, seconds)

    if processes == 1:
        while waiting and time.monotonic() < deadline:
            job = waiting.pop()
            found = _work(sources, job)
            if isinstance(found, str):
                on_failed(job, found)
            else:
                finish(job, *found)
        return len(waiting)
    with _few_threads(sources.threads), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: dict[Future[tuple[list[Predictions], float] | str], Job] = {}
        try:
            while running or (waiting and time.monotonic() < deadline):
                while waiting and len(running) < processes and time.monotonic() < deadline:
                    job = waiting.pop()
                    running[pool.submit(_work, sources, job)] = job
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    found = future.result()
                    if isinstance(found, str):
                        on_failed(job, found)
                    else:
                        finish(job, *found)
        except BrokenProcessPool:
            raise InfoAlignError(
                "a worker process died (killed, or out of memory); what was computed before is kept, and the same "
                "command goes on; with --jobs 1 where memory is short"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return len(waiting)


def _work(sources: Sources, job: Job) -> tuple[list[Predictions], float] | str:
    """Compute a job; return its predictions and seconds, or why it failed."""
    import torch

    if sources.device == "cpu" and torch.get_num_threads() != sources.threads:
        torch.set_num_threads(sources.threads)
    began = time.monotonic()
    try:
        found = sources.systems()[job.system].compute(sources.problem(job.task, job.fitted), job.seeds)
    except (InfoAlignError, ValueError, ArithmeticError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return found, time.monotonic() - began


@contextmanager
def _few_threads(threads: int) -> Iterator[None]:
    # Libraries read these when they are loaded: workers inherit them.
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache
def _loaded(task: str, path: Path) -> TaskData:
    if task in TASKS:
        return load(task, path)
    from learn.evaluation.own_table import read_table

    return read_table(path)


@cache
def _catalogue(checkpoints: tuple[Path, ...], workspace: Path | None) -> dict[str, System]:
    from learn.checkpoint import load
    from learn.evaluation.catalogue import catalogue

    return catalogue([load(path) for path in checkpoints], workspace)
