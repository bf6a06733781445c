"""Arrays from the pool: memory comes back, is never lent twice, and is never more than was in use at once."""

from __future__ import annotations

import threading

import pytest
import torch

from learn.kernels import arrays
from learn.kernels.arrays import SMALLEST, empty_rows

ROWS = SMALLEST // (300 * 4) + 1


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> arrays._Pool:
    fresh = arrays._Pool()
    monkeypatch.setattr(arrays, "_pool", fresh)
    return fresh


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rows", [0, 1, ROWS, 3 * ROWS])
def test_shape_and_type_are_those_asked_for(dtype: torch.dtype, rows: int) -> None:
    made = empty_rows((rows, 300), dtype)
    assert made.shape == (rows, 300)
    assert made.dtype == dtype
    assert made.is_contiguous()


def test_the_memory_of_an_array_that_died_is_lent_again(pool: arrays._Pool) -> None:
    first = empty_rows((3 * ROWS, 300), torch.float32)
    at = first.data_ptr()
    del first
    # A little smaller, and of another type: the size of the memory is the same.
    again = empty_rows((6 * ROWS - 8, 300), torch.bfloat16)
    assert again.data_ptr() == at
    assert pool.held == pool.in_use


def test_what_is_in_use_is_not_lent_again_as_long_as_a_view_of_it_lives() -> None:
    view = empty_rows((ROWS, 300), torch.float32)[5:9].t()
    view.fill_(1)
    other = empty_rows((ROWS, 300), torch.float32)
    other.fill_(2)
    assert (view == 1).all()


def test_memory_of_old_sizes_goes_where_new_ones_come(pool: arrays._Pool) -> None:
    most = 0
    for factor in (1, 2, 3, 5, 8, 2, 1):
        batch = [empty_rows((factor * ROWS, 300), torch.float32) for _ in range(4)]
        most = max(most, pool.in_use)
        del batch
        assert pool.in_use == 0
        assert pool.held <= most
    arrays.release()
    assert pool.held == 0


def test_no_two_threads_are_lent_the_same_memory(pool: arrays._Pool) -> None:
    failures: list[int] = []

    def work(number: int) -> None:
        for turn in range(60):
            kept = [empty_rows((ROWS * (1 + turn % 2), 300), torch.float32).fill_(number) for _ in range(3)]
            if not all((one == number).all() for one in kept):
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert pool.in_use == 0
