"""Encoding a file takes no more memory for ten times as many molecules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from learn.checkpoint import Checkpoint, Position, save
from learn.config import TrainConfig
from learn.encoder import Encoder

CODE = """
import re, sys
from pathlib import Path
from learn.checkpoint import load
from learn.encode import Options
from learn.encode_file import encode_file

if __name__ == "__main__":
    model = load(sys.argv[1])
    counts = encode_file(Path(sys.argv[2]), Path(sys.argv[3]), model, Options("cpu", batch_size=64, standardise=False))
    # What getrusage says includes the process that started this one.
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(counts.embedded, int(peak.group(1)) // 1024)
"""
MEGABYTES = 30
"""the 34,000 more embeddings alone take 41 MB."""


def chains(n: int) -> str:
    """Return n different chains of twelve atoms, a line each: equal sizes, so that batches take the same memory."""
    digits = np.array(list("CNO"))[np.arange(n)[:, None] // 3 ** np.arange(10) % 3]
    return "".join(f"C{''.join(row)}C\n" for row in digits)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_memory_is_flat(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = TrainConfig(layers=1)
    state = Encoder(config.layers, config.dropout).state_dict()
    save(tmp_path / "c.pt", Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g"))
    (tmp_path / "main.py").write_text(CODE)
    peaks = []
    for count in (6_000, 40_000):  # both take several chunks, and so processes
        (tmp_path / "m.smi").write_text(chains(count))
        words = [tmp_path / "main.py", tmp_path / "c.pt", tmp_path / "m.smi", tmp_path / "o.parquet"]
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        encoded, megabytes = map(int, done.stdout.split())
        assert encoded == count
        peaks.append(megabytes)
    assert peaks[1] - peaks[0] < MEGABYTES, peaks
