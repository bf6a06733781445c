"""Cells (data set, system, seed), and the folder in which the predictions of each are kept."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError
from graphdb.files import replacing_file, versions

Fitted = Literal["train", "train+valid"]
SCHEMA = 1


@dataclass(frozen=True)
class Cell:
    """What decides a set of predictions.

    Attributes
    ----------
    task, data
        Name of the data set, and SHA-256 of its file.
    system
        Its name.
    seed
        The seed.
    settings
        Of the system, with the hash of its encoder's weights where it has one.
    fitted
        What it learned from.
    """

    task: str
    data: str
    system: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    fitted: Fitted = "train"

    @property
    def key(self) -> str:
        """Names the file."""
        text = json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Predictions:
    """Of one cell.

    Attributes
    ----------
    valid, test
        (v, t), (m, t) float32; NaN rows for molecules about which the system can say nothing. `valid` is all NaN where
        the system learned from the validation set.
    seconds
        What they took.
    versions
        Of the packages.
    """

    valid: npt.NDArray[np.float32]
    test: npt.NDArray[np.float32]
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)


class Store:
    """A file a cell: ``TASK/SYSTEM/SEED-KEY.npz``, written whole or not at all.

    Parameters
    ----------
    folder
        It is made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, cell: Cell) -> Path:
        """Return where a cell is, or would be."""
        name = re.sub(r"[^a-z0-9]+", "-", cell.system.lower()).strip("-")
        return self.folder / cell.task / name / f"{cell.seed}-{cell.key}.npz"

    def has(self, cell: Cell) -> bool:
        """Return whether a cell is there."""
        return self.path(cell).is_file()

    def get(self, cell: Cell) -> Predictions | None:
        """Return the predictions of a cell; None where they are not there.

        Raises
        ------
        ArtefactError
            If its file is damaged.
        """
        path = self.path(cell)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                about = json.loads(str(found["about"]))
                return Predictions(found["valid"], found["test"], float(about["seconds"]), about["versions"])
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise ArtefactError(f"{path}: damaged ({error!r}); remove it, and its cell is computed again") from None

    def put(self, cell: Cell, found: Predictions) -> None:
        """Keep the predictions of a cell."""
        about = {"cell": asdict(cell), "seconds": round(found.seconds, 2), "versions": versions()}
        with replacing_file(self.path(cell)) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                valid=found.valid.astype(np.float32),
                test=found.test.astype(np.float32),
                about=np.array(json.dumps(about, sort_keys=True)),
            )
