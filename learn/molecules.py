"""All molecule graphs as packed tensors on the training device: a batch is index arithmetic there.

The 129,592 molecules of the paper take some 70 MB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.molecule_graphs import MoleculeGraphs
from learn.graph_batch import GraphBatch, bond_features, bond_kinds


class MoleculesOnDevice:
    """n molecules with A atoms and E directed bonds in all: 9 bytes an atom, 5 a bond, 16 a molecule.

    Parameters
    ----------
    graphs
        The molecules.
    device
        Where they shall be.
    """

    def __init__(self, graphs: MoleculeGraphs, device: torch.device) -> None:
        self._atom_features = _to(graphs.atom_features, device)
        # Atoms are numbered within their molecule; none has as many as 32,768.
        small = graphs.bond_index.size == 0 or int(graphs.bond_index.max()) < 2**15
        self._bond_index = _to(graphs.bond_index.astype(np.int16 if small else np.int32), device)
        self._bond_kinds = bond_kinds(_to(graphs.bond_features, torch.device("cpu")).long()).to(device, torch.uint8)
        self._atom_offsets = _to(graphs.atom_offsets, device)
        self._bond_offsets = _to(graphs.bond_offsets, device)

    def __len__(self) -> int:
        """Return the number of molecules n."""
        return len(self._atom_offsets) - 1

    def take(self, rows: Tensor, position: Tensor | None = None) -> GraphBatch:
        """Return the molecules `rows` (B,) int64 in this order; a row may stand there again.

        `position`: see `GraphBatch`.
        """
        atoms, first_atoms, counts = _ranges(self._atom_offsets, rows)
        bonds, _, bond_counts = _ranges(self._bond_offsets, rows)
        return GraphBatch(
            x=self._atom_features[atoms].long(),
            edge_index=self._bond_index[:, bonds].long() + first_atoms.repeat_interleave(bond_counts),
            edge_attr=bond_features(self._bond_kinds[bonds].long()),
            batch=torch.arange(len(rows), device=rows.device).repeat_interleave(counts),
            size=len(rows),
            position=position,
        )


def to_graph_batch(molecules: MoleculeGraphs, device: torch.device) -> GraphBatch:
    """Return packed molecule graphs as one batch of tensors."""
    return MoleculesOnDevice(molecules, device).take(torch.arange(len(molecules), device=device))


def _ranges(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the positions of the ranges `rows` one after the other, where each begins there, and their lengths."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    begins = lengths.cumsum(0) - lengths
    shift = (starts - begins).repeat_interleave(lengths)
    return torch.arange(len(shift), device=rows.device) + shift, begins, lengths


def _to(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    # A copy where it is mapped read-only, which PyTorch would warn of; the arrays are small.
    return torch.from_numpy(np.array(array)).to(device)
