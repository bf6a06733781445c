"""Batches of records over processes or a cluster, with Dask: for work that is done record by record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from graphdb.errors import InfoAlignError, InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_SECONDS = 15


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
    import dask

    try:
        return list(
            dask.compute(
                *(dask.delayed(function)(part) for part in batches),
                scheduler="processes",
                num_workers=processes,
                chunksize=1,  # Dask's own six batches a message leave cores idle at the end
            )
        )
    except BrokenProcessPool:
        raise InfoAlignError(
            "a worker process died (out of memory, killed, or started from a script without "
            "`if __name__ == '__main__':`); run again, with fewer processes if memory is short"
        ) from None


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
