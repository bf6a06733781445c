"""Downstream data sets: one file each; `TASKS` names them all.

Nothing here needs a chemistry package but `learn.tasks.split`, so that pretraining can hold data sets out.
"""

from __future__ import annotations

from pathlib import Path

from graphdb.errors import InputError
from learn.tasks import biogen3k, broad6k, chembl2k, toxcast
from learn.tasks.task import Task, TaskData, read

TASKS: dict[str, Task] = {module.TASK.name: module.TASK for module in (chembl2k, broad6k, biogen3k, toxcast)}
"""All downstream data sets by name."""

__all__ = ["TASKS", "Task", "TaskData", "load", "task_named"]


def task_named(name: str) -> Task:
    """Return the data set called `name`; an unknown name is an `InputError` that lists the known ones."""
    try:
        return TASKS[name]
    except KeyError:
        raise InputError(f"no task called {name!r}; there are: {', '.join(TASKS)}") from None


def load(name: str, path: Path | str) -> TaskData:
    """Read the data set called `name` from its file, its folder or the folder above (see `learn.tasks.task.read`)."""
    return read(task_named(name), path)
