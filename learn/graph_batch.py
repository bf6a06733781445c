"""Molecule graphs side by side, and what the layers of the encoder derive from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.molecule_graphs import BOND_FEATURE_SIZES
from learn.kernels.dropout import mixed
from learn.kernels.functions import Bonds


@dataclass(frozen=True)
class GraphBatch:
    """B molecule graphs side by side.

    Attributes
    ----------
    x
        (A, 9) int64, OGB's atom features.
    edge_index
        (2, E) int64, both directions of every bond.
    edge_attr
        (E, 3) int64, OGB's bond features.
    batch
        (A,) int64, the molecule of each atom, ascending.
    size
        B.
    position
        (B,) int64, the place of each molecule in the whole batch, of which this may be the share of one rank; None:
        this is the whole one. Dropout depends on it.
    """

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    batch: Tensor
    size: int
    position: Tensor | None = None

    @cached_property
    def bonds(self) -> Bonds:
        """The bonds as compiled loops take them."""
        return Bonds.of(self.edge_index, bond_kinds(self.edge_attr), len(self.x))

    @cached_property
    def offsets(self) -> npt.NDArray[Any]:
        """(B + 1,) int64: molecule i has the atoms ``offsets[i]:offsets[i + 1]``."""
        counts = np.bincount(self.batch.numpy(), minlength=self.size)
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def molecule_rows(self) -> Tensor:
        """(B,) int32: what tells the molecules of the whole batch apart in dropout."""
        position = torch.arange(self.size, device=self.x.device) if self.position is None else self.position
        return mixed(position.to(torch.int32) + 1)

    @cached_property
    def atom_rows(self) -> Tensor:
        """(A,) int32: what tells the atoms of the whole batch apart in dropout: molecule, and place in it."""
        atoms = torch.arange(len(self.batch), device=self.x.device)
        counts = torch.zeros(self.size, dtype=torch.int64, device=self.x.device).index_add(
            0, self.batch, torch.ones_like(self.batch)
        )
        place = atoms - (counts.cumsum(0) - counts)[self.batch]
        return mixed(self.molecule_rows[self.batch] + place.to(torch.int32))


def in_steps(graphs: GraphBatch, step: int) -> GraphBatch:
    """Return a batch with one molecule more, of lone atoms, so that the number of atoms is a multiple of `step`.

    What PyTorch keeps of a product of matrices on a processor it keeps for each shape: embedding ever other numbers of
    atoms, a process grew by a kilobyte a molecule.
    """
    missing = step - len(graphs.x) % step
    return GraphBatch(
        torch.cat([graphs.x, graphs.x.new_zeros(missing, graphs.x.shape[1])]),
        graphs.edge_index,
        graphs.edge_attr,
        torch.cat([graphs.batch, graphs.batch.new_full((missing,), graphs.size)]),
        graphs.size + 1,
    )


def bond_kinds(edge_attr: Tensor) -> Tensor:
    """Return the number of the kind of each bond among all 60, (E,) int64, for features (E, 3)."""
    _, stereo, conjugated = BOND_FEATURE_SIZES
    return (edge_attr[:, 0] * stereo + edge_attr[:, 1]) * conjugated + edge_attr[:, 2]


def bond_features(kinds: Tensor) -> Tensor:
    """Return the features (E, 3) int64 of bonds by the numbers of their kinds, (E,) int64."""
    _, stereo, conjugated = BOND_FEATURE_SIZES
    rest = kinds.div(conjugated, rounding_mode="floor")
    return torch.stack([rest.div(stereo, rounding_mode="floor"), rest % stereo, kinds % conjugated], dim=1)
