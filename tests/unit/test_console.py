"""What all commands share."""

from __future__ import annotations

import subprocess
import sys

COMMAND = """
import argparse
from graphdb.console import run, say
run(lambda _: [say("line " * 1000) for _ in range(1000)], argparse.ArgumentParser(), [])
"""


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    assert command.stderr is not None
    assert command.stdout.readline().startswith("line line")
    command.stdout.close()
    assert command.stderr.read() == ""
    assert command.wait(timeout=60) == 1
