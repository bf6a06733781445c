"""Finding what pretraining left in the workspace: one folder a run, its checkpoint in it."""

from __future__ import annotations

from pathlib import Path

from graphdb.errors import InputError
from graphdb.workspace import Workspace

CHECKPOINT = "checkpoint.pt"


def newest_checkpoint(workspace: Workspace) -> Path:
    """Return the checkpoint of the run that wrote one last.

    Raises
    ------
    InputError
        If no run has a checkpoint; the message names the command that makes one.
    """
    found = [path for path in workspace.runs.glob(f"*/{CHECKPOINT}") if path.is_file()]
    if not found:
        raise InputError(
            "no pretraining run has a checkpoint here; make one with: python -m learn.pretrain", path=workspace.runs
        )
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path))
