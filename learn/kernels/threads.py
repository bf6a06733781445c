"""Compiled loops over rows, in as many threads as PyTorch uses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch


def spread(work: Callable[[int, int], object], blocks: int) -> None:
    """Call ``work(begin, end)`` for ranges that cover `blocks` blocks, each block once, in threads.

    Parameters
    ----------
    work
        Must let go of the interpreter (`graphdb.compiled`), and may write to the rows of its own blocks alone.
    blocks
        Their number. What a block holds must not depend on the number of threads; then no result does.
    """
    threads = min(torch.get_num_threads(), blocks)
    if threads <= 1:
        work(0, blocks)
        return
    cuts = [blocks * part // threads for part in range(threads + 1)]
    others: list[Future[object]] = [_pool(threads - 1).submit(work, begin, end) for begin, end in pairwise(cuts[1:])]
    work(cuts[0], cuts[1])
    for other in others:
        other.result()


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    # One for each number of threads that is asked for; they cost nothing while they wait.
    return ThreadPoolExecutor(workers, thread_name_prefix="learn-kernels")
