"""Memory that is free goes back to the system."""

from __future__ import annotations

import numpy as np
import psutil
import pytest

from learn import memory


def test_what_lies_between_blocks_in_use_goes_back() -> None:
    if memory._malloc_trim() is None:
        pytest.skip("no glibc here")
    process = psutil.Process()
    blocks = [np.ones(12_500) for _ in range(3000)]  # 100 kB each: small enough to lie in the heap
    kept = blocks[::100]
    full = process.memory_info().rss
    del blocks
    assert memory.give_back()
    assert full - process.memory_info().rss > 200 * 2**20
    assert all(block[-1] == 1 for block in kept)


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_malloc_trim", lambda: None)
    assert not memory.give_back()
