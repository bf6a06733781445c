"""A data set as systems see it: its molecules, labels and split, and what is computed of its molecules once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from graphdb.files import replacing_file
from graphdb.holdout import BLOCK
from graphdb.molecule_graphs import MoleculeGraphs
from learn.checkpoint import Checkpoint
from learn.evaluation.cells import Fitted
from learn.tasks import TaskData
from learn.tasks.split import SplitIndices, split
from learn.tasks.task import Kind, Metric

Floats = npt.NDArray[np.float32]
Tautomers = Literal["keep", "canonical"]

_SPLITS: dict[str, SplitIndices] = {}


@dataclass(frozen=True)
class Problem:
    """A data set, and what its systems share.

    Attributes
    ----------
    data
        The data set.
    cache
        Folder for what is computed of its molecules.
    device
        For systems that train a network.
    fitted
        Which sets systems learn from.
    folded
        A split in place of the data set's own: of a cross-validation.
    """

    data: TaskData
    cache: Path
    device: str = "cpu"
    fitted: Fitted = "train"
    folded: SplitIndices | None = None

    @property
    def kind(self) -> Kind:
        """Classification or regression."""
        return self.data.task.kind

    @property
    def metric(self) -> Metric:
        """What it is ranked by."""
        return self.data.task.metric

    @property
    def parts(self) -> SplitIndices:
        """The split; made once in a process."""
        if self.folded is not None:
            return self.folded
        if self.data.sha256 not in _SPLITS:
            _SPLITS[self.data.sha256] = split(self.data)
        return _SPLITS[self.data.sha256]

    @property
    def learned_from(self) -> npt.NDArray[np.intp]:
        """Rows that systems are fitted on."""
        return self.parts.train if self.fitted == "train" else np.concatenate([self.parts.train, self.parts.valid])

    def learned(self) -> tuple[list[str], Floats, tuple[list[str], list[str]]]:
        """Return the n molecules that systems are fitted on, their labels (n, t), and those of validation and test."""
        rows, parts = self.learned_from, self.parts
        return self.smiles(rows), self.data.labels[rows], (self.smiles(parts.valid), self.smiles(parts.test))

    def smiles(self, rows: npt.NDArray[np.intp]) -> list[str]:
        """Return the SMILES of some rows."""
        return [self.data.smiles[int(row)] for row in rows]

    def embeddings(self, model: Checkpoint) -> Floats:
        """Return the embeddings (n, d) of all molecules, NaN where there is none; computed once, then read."""
        path = self.cache / "embeddings" / f"{model.model_hash[:20]}-{self.data.sha256[:12]}.npy"
        if not path.is_file():
            from learn.encode import Options, embedder

            # Of the graphs that all encoders share: standardising takes longer than embedding.
            graphs, place = self.graphs(model.tautomers)
            usable = place >= 0
            found = np.full((len(place), model.width), np.nan, dtype=np.float32)
            found[usable] = embedder(model, Options(self.device), quiet=True)(graphs)[place[usable]]
            with replacing_file(path) as temporary, temporary.open("wb") as stream:
                np.save(stream, found)
        return np.asarray(np.load(path), dtype=np.float32)

    def graphs(self, tautomers: Tautomers) -> tuple[MoleculeGraphs, npt.NDArray[np.int64]]:
        """Return the different molecules as graphs, and (n,) the graph of each row, −1 where there is none."""
        folder = self.cache / "graphs" / f"{self.data.sha256[:12]}-{tautomers}"
        place = folder.with_suffix(".npy")
        if not place.is_file():
            from learn.standard_graphs import standard_graphs

            graphs, found, _ = standard_graphs(self.data.smiles, tautomers)
            graphs.save(folder)
            with replacing_file(place) as temporary, temporary.open("wb") as stream:
                np.save(stream, found)
        return MoleculeGraphs.load(folder), np.asarray(np.load(place), dtype=np.int64)

    def blocks(self) -> list[str]:
        """Return the first block of the InChIKey of each standardised molecule; "" where it cannot be used."""
        graphs, place = self.graphs("keep")
        return [str(graphs.keys[row])[:BLOCK] if row >= 0 else "" for row in place.tolist()]
