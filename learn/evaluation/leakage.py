"""Whether an encoder has seen what it is scored on.

Two witnesses. The certificate in the checkpoint says which lists of molecules were held out. The graph that it was
trained on, where the workspace still has it, says more: which molecules its walks could start from. A test molecule
among these, as itself, as a salt or as a stereoisomer, is a leak whatever the certificate says; and a data set of which
none is there is clean, be it certified or not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphdb.errors import ArtefactError
from graphdb.holdout import BLOCK, key_file, read_blocks
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn.checkpoint import Checkpoint
from learn.evaluation.problem import Problem
from learn.finetune import check_held_out


def leakage_of(model: Checkpoint, problem: Problem, workspace: Path) -> str | None:
    """Return why a score of an encoder on the test set of a data set says little, or None where it is clean.

    Parameters
    ----------
    model
        The encoder.
    problem
        The data set.
    workspace
        In which its graph may be. If another graph is there, the certificate alone speaks.
    """
    trained = trained_blocks(model, workspace)
    if trained is None:
        return check_held_out(model.holdout, problem.data)
    blocks = problem.blocks()
    test = [blocks[int(row)] for row in problem.parts.test]
    seen = sum(block in trained for block in test if block)
    if seen:
        return (
            f"{seen:,} of {len(test):,} test molecules were in its pretraining, as themselves, as salts or as "
            "stereoisomers"
        )
    return None


def trained_blocks(model: Checkpoint, workspace: Path) -> set[str] | None:
    """Return the first blocks of the InChIKeys of all molecules that walks could start from or come by.

    None where the workspace does not have the snapshot or the lists of held-out molecules of the checkpoint.
    """
    place = Workspace(workspace)
    try:
        snapshot = Snapshot.load(place.snapshot)
        if snapshot.id != model.snapshot_id:
            return None
        held: set[str] = set()
        for item in model.holdout:
            path = key_file(place.holdout, item.sha256)
            if not path.is_file():
                return None
            held |= read_blocks(path)
    except ArtefactError:
        return None
    keys = snapshot.keys[np.asarray(snapshot.nodes(NodeType.MOLECULE))]
    return {str(key)[:BLOCK] for key in keys} - held
