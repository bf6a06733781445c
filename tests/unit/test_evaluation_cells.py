"""Cells are computed once, in an order that makes a part of them a table, and none is lost."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdb.errors import ArtefactError
from learn.evaluation import catalogue, schedule
from learn.evaluation.cells import Cell, Predictions, Store
from learn.evaluation.schedule import Job, Sources, cell_of, missing_jobs, run_jobs
from learn.evaluation.system import System
from learn.tasks import TASKS, TaskData


def data_of(name: str, n: int = 6) -> TaskData:
    return TaskData(
        TASKS[name], Path(name), name * 3, tuple("C" * (i + 1) for i in range(n)), np.zeros((n, 2), np.float32),
        ("a", "b"), None,
    )  # fmt: skip


class Fake:
    """A problem that has no split: jobs are made of its data alone."""

    def __init__(self, name: str) -> None:
        self.data = data_of(name)


def predictions(value: float = 0.5) -> Predictions:
    return Predictions(np.full((2, 2), value, np.float32), np.full((3, 2), value, np.float32), 1.5)


def never(*_: object) -> list[Predictions]:
    raise AssertionError("not to be called")


DEAR = System("dear", "stronger", never, cost=5.0)
CHEAP = System("cheap", "structure", never, cost=0.5)
FIXED = System("fixed", "stronger", never, random=False, cost=1.0)
HEADS = System("heads", "encoder", never, {"encoder": "abc"}, together=True, cost=0.1)


def jobs(store: Store, *systems: System, seeds: int = 3, refit: Sequence[str] = (), parts: int = 1) -> list[Job]:
    problems: list[Any] = [Fake("chembl2k"), Fake("biogen3k")]
    return missing_jobs(problems, systems, seeds, store, wanted=lambda *_: True, refit=refit, parts=parts)


def test_seeds_that_are_best_computed_at_once_are_shared_among_processes(tmp_path: Path) -> None:
    one = [job.seeds for job in jobs(Store(tmp_path), HEADS, seeds=7, parts=3) if job.task == "chembl2k"]
    assert one == [(0, 1, 2), (3, 4, 5), (6,)]
    assert {job.seeds for job in jobs(Store(tmp_path), HEADS, seeds=1, parts=3)} == {(0,)}


def test_inputs_are_prepared_for_small_data_sets_first_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = Fake("chembl2k"), Fake("biogen3k")
    large.data = data_of("chembl2k", 9)
    prepared: list[str] = []
    monkeypatch.setattr(catalogue, "_prepare", lambda problem, *_: prepared.append(problem.data.task.name))
    wanted: Any = [(large, [CHEAP]), (small, [CHEAP])]
    catalogue.prepare(wanted, [])
    assert prepared == ["biogen3k", "chembl2k"]
    catalogue.prepare(wanted, [], until=time.monotonic() - 1)
    assert len(prepared) == 2, "the time was over"


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    store, cell = Store(tmp_path), Cell("chembl2k", "a", "Morgan FP + RF", 3, {"trees": 2})
    assert store.get(cell) is None
    store.put(cell, predictions())
    found = store.get(cell)
    assert found is not None
    np.testing.assert_array_equal(found.test, predictions().test)
    assert found.seconds == 1.5
    assert "numpy" in found.versions
    for other in (
        Cell("chembl2k", "b", cell.system, 3, cell.settings),
        Cell("chembl2k", "a", cell.system, 4, cell.settings),
        Cell("chembl2k", "a", cell.system, 3, {"trees": 3}),
        Cell("chembl2k", "a", cell.system, 3, cell.settings, "train+valid"),
    ):
        assert store.get(other) is None
    path = store.path(cell)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtefactError, match="damaged"):
        store.get(cell)


def test_seed_0_of_everything_comes_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = jobs(store, DEAR, CHEAP, FIXED, HEADS, refit=("fixed",))
    first = [job for job in found if job.seeds[0] == 0]
    assert found[: len(first)] == first
    assert [job.system for job in first if job.task == "chembl2k" and job.fitted == "train"] == [
        "heads", "cheap", "fixed", "dear",
    ]  # fmt: skip
    assert [job.seeds for job in found if job.system == "heads"] == [(0, 1, 2)] * 2
    assert [job.seeds for job in found if job.system == "fixed" and job.fitted == "train"] == [(0,)] * 2
    assert {job.fitted for job in found if job.system == "fixed"} == {"train", "train+valid"}
    assert {job.fitted for job in found if job.system == "dear"} == {"train"}
    assert [job.seeds[0] for job in found if job.system == "dear"] == [0, 0, 1, 1, 2, 2]
    store.put(cell_of(data_of("chembl2k"), DEAR, 1), predictions())
    store.put(cell_of(data_of("chembl2k"), HEADS, 1), predictions())
    later = jobs(store, DEAR, CHEAP, FIXED, HEADS, refit=("fixed",))
    assert len(later) == len(found) - 1
    assert [job.seeds for job in later if job.system == "heads"] == [(0, 2), (0, 1, 2)]


class Works:
    """Stands for paths: systems that are made in this process."""

    device, threads = "cpu", 1

    def __init__(self, *systems: System) -> None:
        self._systems = {system.name: system for system in systems}

    def systems(self) -> dict[str, System]:
        return self._systems

    def problem(self, task: str, fitted: str = "train") -> Fake:
        return Fake(task)


def test_a_failure_stops_nothing_and_the_time_does(tmp_path: Path) -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def works(problem: object, seeds: Sequence[int]) -> list[Predictions]:
        seen.append(("works", tuple(seeds)))
        return [predictions(seed) for seed in seeds]

    def fails(problem: object, seeds: Sequence[int]) -> list[Predictions]:
        raise ValueError("no label")

    good, bad = System("good", "structure", works), System("bad", "structure", fails, cost=0.1)
    store, failed = Store(tmp_path), []
    todo = jobs(store, bad, good, seeds=2)
    settings_of = {"processes": 1, "on_done": lambda *_: None, "on_failed": lambda job, why: failed.append(why)}
    sources: Sources = Works(good, bad)  # type: ignore[assignment]
    assert run_jobs(sources, todo, store, deadline=-1, **settings_of) == len(todo)  # type: ignore[arg-type]
    assert not seen
    assert run_jobs(sources, todo, store, deadline=math.inf, **settings_of) == 0  # type: ignore[arg-type]
    assert failed == ["ValueError: no label"] * 4
    assert len(seen) == 4
    assert jobs(store, good, seeds=2) == []
    found = store.get(cell_of(data_of("biogen3k"), good, 1))
    assert found is not None
    assert found.test[0, 0] == 1


def test_threads_of_workers_are_few_and_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with schedule._few_threads(2):
        assert schedule.os.environ["OMP_NUM_THREADS"] == schedule.os.environ["MKL_NUM_THREADS"] == "2"
    assert schedule.os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in schedule.os.environ


@pytest.mark.slow
def test_two_processes_compute_what_one_does(tmp_path: Path, shared_data: Path) -> None:
    sources = Sources({"biogen3k": shared_data / "infoalign"}, (), tmp_path / "cache")
    systems = [sources.systems()["Tanimoto kernel ridge"]]
    problem = sources.problem("biogen3k")
    found = []
    for processes in (1, 2):
        store = Store(tmp_path / str(processes))
        todo = missing_jobs([problem], systems, 10, store, wanted=lambda *_: True)
        assert len(todo) == 1
        deadline = time.monotonic() + 600
        left = run_jobs(
            sources, todo, store, processes=processes, deadline=deadline, on_done=lambda *_: None, on_failed=pytest.fail
        )
        assert left == 0
        cell = store.get(cell_of(problem.data, systems[0], 7))
        assert cell is not None
        found.append(cell.test)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-3)
