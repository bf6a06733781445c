"""Measured systems run in processes of their own: one's memory and caches are not another's."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from graphdb.errors import InfoAlignError

MIB = 2**20


class ChildError(InfoAlignError):
    """A measured process failed, or did not end in its time."""


@dataclass(frozen=True)
class Finished:
    """What `watch` saw of a process.

    Attributes
    ----------
    seconds
        From start to end.
    peak_mib
        Largest sum of the resident memory of the process and all its children; pages that they share count for each.
    """

    seconds: float
    peak_mib: float


def peak_mib() -> float:
    """Return the largest resident memory that this process has had, MiB; pages of mapped files are in it."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: after a fork its maximum begins with the memory of the parent.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def measure_in_child(module: str, arguments: Sequence[str | Path], timeout: float | None = None) -> dict[str, Any]:
    """Run ``python -m module … --out FILE`` and return the JSON object that it writes there.

    Raises
    ------
    ChildError
        With the last line of its errors, or if it takes longer than `timeout` seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "measured.json"
        watch([sys.executable, "-m", module, *map(str, arguments), "--out", str(out)], timeout)
        measured: dict[str, Any] = json.loads(out.read_text())
    return measured


def watch(command: Sequence[str], timeout: float | None = None, environment: dict[str, str] | None = None) -> Finished:
    """Run a command to its end; its output is shown only if it fails.

    Raises
    ------
    ChildError
        As in `measure_in_child`.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            list(command), stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, **(environment or {})}
        )
        with TreeMemory(process.pid) as memory:
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                stop_tree(process.pid)
                process.wait()
                raise ChildError(f"{' '.join(command[1:4])}: not done after {timeout:.0f} s") from None
            except BaseException:
                stop_tree(process.pid)
                process.wait()
                raise
        seconds = time.perf_counter() - began
        if status != 0:
            errors.seek(0)
            lines = errors.read().strip().splitlines() or [f"exit status {status}"]
            raise ChildError(f"{' '.join(command[1:4])}: {lines[-1]}")
    return Finished(seconds, memory.peak_mib)


class TreeMemory:
    """Samples the resident memory of a process and its children while its block runs.

    Attributes
    ----------
    peak_mib
        The largest sum seen.
    """

    def __init__(self, pid: int, every: float = 0.1) -> None:
        self.peak_mib = 0.0
        self._pid, self._every = pid, every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            total = 0
            for process in _tree(self._pid):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
            self.peak_mib = max(self.peak_mib, total / MIB)
            if self._done.wait(self._every):
                return


def stop_tree(pid: int) -> None:
    """Kill a process and its children."""
    for process in reversed(_tree(pid)):
        try:
            process.kill()
        except psutil.Error:
            continue


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
