"""Runs commands as a user does, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Commands:
    """Runs ``python -m …`` in one workspace."""

    workspace: Path

    @property
    def environment(self) -> Mapping[str, str]:
        hidden = {name for name in os.environ if name.startswith("NEO4J_")}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return {"OMP_NUM_THREADS": "2", **kept, "INFOALIGN_WORKSPACE": str(self.workspace), "INFOALIGN_HEAP": "1g"}

    def run(self, *command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        said = f"python -m {' '.join(command)}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
        assert result.returncode == status, said
        if status:
            assert "Traceback" not in result.stderr, said
        return result

    def kill_when(self, *command: str, seen: Callable[[], bool], timeout: float = 300) -> None:
        """Start a command and ``kill -9`` it as soon as `seen` says so."""
        process = self._started(*command)
        try:
            waited = 0.0
            while not seen():
                assert process.poll() is None, "the command ended before it could be killed"
                assert waited < timeout, "nothing to see in time"
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    waited += 0.05
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()

    def kill_after(self, seconds: float, *command: str) -> bool:
        """Start a command and ``kill -9`` it after some seconds; return whether it was still running then."""
        process = self._started(*command)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        finally:
            process.kill()
            process.wait()
        return False

    def _started(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "graphdb.server", "stop"],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            timeout=120,
            check=False,
        )
