"""Batches of records over processes, or over a Dask cluster: for work that is done record by record."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from graphdb.errors import InfoAlignError, InputError
from graphdb.machine import processors

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_SECONDS = 15
AHEAD = 3
"""Batches a process that `stream_batches` keeps in memory: one that is worked on, one that waits, one that is done."""
DIED = (
    "a worker process died (out of memory, killed, or started from a script without "
    "`if __name__ == '__main__':`); run again, with fewer processes if memory is short"
)

_shared: ContextVar[list[ProcessPoolExecutor] | None] = ContextVar("shared workers", default=None)


@contextmanager
def shared_workers() -> Iterator[None]:
    """Keep the worker processes of this machine from one `map_batches` to the next, until the block ends."""
    pools: list[ProcessPoolExecutor] = []
    token = _shared.set(pools)
    try:
        yield
    finally:
        _shared.reset(token)
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def map_batches(
    function: Callable[[Sequence[Item]], Result],
    items: Sequence[Item],
    *,
    batch: int,
    in_process: int,
    scheduler: str | None = None,
    processes: int | None = None,
) -> list[Result]:
    """Apply `function` to batches of `items` and return the results in order.

    Parameters
    ----------
    function
        A function of a module (other processes find it by name).
    items
        The input.
    batch
        Items in a batch. The results depend on it in nothing but how they are cut.
    in_process
        Up to this many items the work is done right here: starting processes would take longer.
    scheduler
        Address of a Dask scheduler (``tcp://…``) whose workers have this package; None: processes on this machine.
    processes
        Number of processes on this machine; None: one a core.

    Raises
    ------
    InputError
        If no scheduler answers at that address.
    InfoAlignError
        If a worker dies.
    """
    batches = [items[start : start + batch] for start in range(0, len(items), batch)]
    if scheduler is not None:
        return _on_cluster(function, batches, scheduler)
    if len(items) <= in_process or processes == 1:
        return [function(part) for part in batches]
    try:
        # It keeps a batch ready for each worker; Dask's own pool sends one when the last is done.
        with _workers(processes) as pool:
            return list(pool.map(function, batches))
    except BrokenProcessPool:
        raise InfoAlignError(DIED) from None


def stream_batches(
    function: Callable[[Item], Result],
    batches: Iterable[Item],
    *,
    in_process: int = 1,
    processes: int | None = None,
) -> Iterator[Result]:
    """Apply `function` to batches as they come and yield the results in order, while others are worked on.

    Memory holds `AHEAD` batches a process, however many there are.

    Parameters
    ----------
    function
        A function of a module (other processes find it by name).
    batches
        Are taken one by one, as there is room.
    in_process
        Up to this many batches the work is done right here: starting processes would take longer.
    processes
        Number of processes on this machine; None: one a core.

    Raises
    ------
    InfoAlignError
        If a worker dies.
    """
    remaining = iter(batches)
    first = list(itertools.islice(remaining, in_process + 1))
    if len(first) <= in_process or processes == 1:
        yield from map(function, itertools.chain(first, remaining))
        return
    try:
        with _workers(processes) as pool:
            waiting: deque[Future[Result]] = deque()
            try:
                for batch in itertools.chain(first, remaining):
                    waiting.append(pool.submit(function, batch))
                    if len(waiting) >= AHEAD * (processes or processors()):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
    except BrokenProcessPool:
        raise InfoAlignError(DIED) from None


@contextmanager
def _workers(processes: int | None) -> Iterator[ProcessPoolExecutor]:
    """Yield the processes that are shared, where any number will do, else some of its own."""
    pools = _shared.get()
    if processes is None and pools:
        yield pools[0]
        return
    pool = ProcessPoolExecutor(
        processes or processors(),
        # A copy of a process that has threads may hang.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )
    if processes is None and pools is not None:
        pools.append(pool)
        yield pool
    else:
        with pool:
            yield pool


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone: killed, it could not tell its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.join,), daemon=True).start()


def _exit_after(wait: Callable[[], None]) -> None:
    wait()
    os._exit(1)


def _on_cluster(
    function: Callable[[Sequence[Item]], Result], batches: Sequence[Sequence[Item]], scheduler: str
) -> list[Result]:
    from distributed import Client
    from distributed.scheduler import KilledWorker

    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler} ({' '.join(str(error).split())})") from None
    with client:
        try:
            return list(client.gather(client.map(function, batches, pure=False)))
        except KilledWorker as error:
            raise InfoAlignError(f"a Dask worker died over and over ({error})") from None
