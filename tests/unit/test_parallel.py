"""Worker processes: used again where that is asked for, and gone when the process that started them is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from ingest.parallel import map_batches, shared_workers

SECONDS = 60


def pids(_: Sequence[int]) -> int:
    time.sleep(0.05)
    return os.getpid()


def sleep_long(where: Sequence[str]) -> None:
    Path(where[0]).touch()
    time.sleep(SECONDS)


def test_workers_are_shared_within_the_block_and_gone_after_it() -> None:
    with shared_workers():
        first = set(map_batches(pids, range(8), batch=1, in_process=0))
        second = set(map_batches(pids, range(8), batch=1, in_process=0))
        assert first & second
        assert os.getpid() not in first
    own = set(map_batches(pids, range(8), batch=1, in_process=0))
    assert not own & (first | second)
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in first | second | own):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    places = [str(tmp_path / name) for name in ("a", "b")]
    script = tmp_path / "parent.py"
    script.write_text(
        "from ingest.parallel import map_batches\n"
        "from tests.unit.test_parallel import sleep_long\n"
        f"if __name__ == '__main__':\n    map_batches(sleep_long, {places}, batch=1, in_process=0, processes=2)\n"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}"}
    with subprocess.Popen([sys.executable, str(script)], env=environment) as parent:
        deadline = time.monotonic() + SECONDS
        while not all(Path(place).exists() for place in places):
            assert time.monotonic() < deadline
            assert parent.poll() is None
            time.sleep(0.1)
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
