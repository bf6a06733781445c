"""Batches of SMILES over processes or a cluster: what is computed from each structure by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")

BATCH = 1000
IN_PROCESS = 4 * BATCH  # below this, starting processes takes longer than the work


def map_batches(
    function: Callable[[Sequence[str]], Result], smiles: Sequence[str], scheduler: str | None, *, batch: int = BATCH
) -> list[Result]:
    """Apply `function` to batches of `smiles` and return the results in order.

    Parameters
    ----------
    function
        A function of a module (it is sent to other processes by name).
    smiles
        The input.
    scheduler
        Address of a Dask scheduler (``tcp://…``); None: processes on this machine, or this process for few SMILES.
    batch
        SMILES in a batch; the results depend on it in nothing but how they are cut.
    """
    batches = [smiles[start : start + batch] for start in range(0, len(smiles), batch)]
    if scheduler is not None:
        from distributed import Client

        with Client(scheduler) as client:
            return list(client.gather(client.map(function, batches, pure=False)))
    if len(smiles) <= IN_PROCESS:
        return [function(part) for part in batches]
    import dask

    return list(dask.compute(*(dask.delayed(function)(part) for part in batches), scheduler="processes"))
