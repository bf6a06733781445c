"""Finding what pretraining left in the workspace: one folder a run, its checkpoint in it."""

from __future__ import annotations

from pathlib import Path

from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_json
from graphdb.workspace import Workspace

CHECKPOINT = "checkpoint.pt"
RECORD = "run.json"


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


def recorded_model(checkpoint: Path) -> str | None:
    """Return the hash of a checkpoint's model as its run recorded it at its end, without loading PyTorch.

    None where it did not, or the checkpoint was written later (by a run that is under way).
    """
    record = checkpoint.parent / RECORD
    try:
        if record.stat().st_mtime_ns < checkpoint.stat().st_mtime_ns:
            return None
        model = read_json(record).get("model_hash")
    except (OSError, ArtefactError, AttributeError):
        return None
    return str(model) if model else None
