"""The walks that a run reads: made once; where others are there, made in the run's own folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.console import note
from graphdb.errors import ArtefactError, InputError
from graphdb.snapshot import Snapshot
from graphdb.walks import shards
from graphdb.walks.config import WalkConfig
from learn.checkpoint import HeldOut
from learn.config import TrainConfig
from learn.loop import SMALLEST_BATCH
from learn.objectives import recipe_of
from learn.validation import chosen

Numbers = npt.NDArray[np.int64]


def walks_of(
    folder: Path,
    snapshot: Snapshot,
    config: TrainConfig,
    excluded: Numbers,
    holdout: Sequence[HeldOut],
    *,
    own: Path | None = None,
) -> tuple[shards.ShardReader, shards.ShardReader | None]:
    """Return the walks to train on and those to measure the loss on (None where the settings hold no molecules out).

    Parameters
    ----------
    folder
        Of the former; the latter are beside it, in the folder of its name with ``-validation``.
    own
        Folder to walk in where the walks in `folder` are of other settings, perhaps those that another run is reading
        just now; None: walk again in `folder`.
    snapshot
        The graph.
    config
        The settings.
    excluded, holdout
        Molecules of downstream data sets, node numbers ascending, that no walk of either kind touches; and which data
        sets they are of.

    Raises
    ------
    InputError
        If too few molecules are left.
    """
    recipe = recipe_of(config)
    walks = recipe.walks(config)
    starts = np.setdiff1d(recipe.starts(snapshot), excluded)
    validation = starts[chosen(snapshot.keys[starts], config.validation, config.seed)]
    starts = np.setdiff1d(starts, validation)
    if len(starts) * walks.walks_per_node < SMALLEST_BATCH:
        raise InputError(f"{len(starts)} molecules are left to walk from; at least {SMALLEST_BATCH} walks are needed")
    record = {item.name: asdict(item) for item in holdout}
    # A stereoisomer that no walk starts from may be of the same first block: it is left out of training all the same.
    molecules = recipe.starts(snapshot)
    unseen = molecules[chosen(snapshot.keys[molecules], config.validation, config.seed)]
    left_out = np.union1d(excluded, unseen)
    reader = _made(folder, snapshot, starts, walks, config.stored_epochs, left_out, record, own)
    if not config.validation:
        return reader, None
    if len(validation) < SMALLEST_BATCH:
        raise InputError(f"validation {config.validation} leaves {len(validation)} molecules to measure the loss on")
    measured = folder.with_name(folder.name + "-validation")
    own = None if own is None else own.with_name(own.name + "-validation")
    return reader, _made(measured, snapshot, validation, walks, 1, excluded, record, own)


def _made(
    folder: Path,
    snapshot: Snapshot,
    starts: Numbers,
    walks: WalkConfig,
    epochs: int,
    excluded: Numbers,
    record: dict[str, Any],
    own: Path | None,
) -> shards.ShardReader:
    try:
        reader = shards.ShardReader(folder, snapshot)
        if (
            reader.config == walks
            and reader.epochs == epochs
            and np.array_equal(reader.excluded, excluded)
            and np.array_equal(np.unique(reader.read(0).starts), starts)
        ):
            return reader
        if own is not None:
            return _made(own, snapshot, starts, walks, epochs, excluded, record, None)
        note(f"{folder}: walks of other settings; walking again")
    except ArtefactError as error:
        note(f"{error}; walking now")
    shards.write(folder, snapshot, starts, walks, epochs=epochs, excluded=excluded, holdout=record)
    return shards.ShardReader(folder, snapshot)
