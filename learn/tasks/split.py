"""Scaffold splits of molecules into train, validation and test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from learn.tasks.task import TaskData

Indices = npt.NDArray[np.intp]


class SplitIndices(NamedTuple):
    """Indices of the molecules of each set; together they are all molecules, each once."""

    train: Indices
    valid: Indices
    test: Indices


def split(data: TaskData) -> SplitIndices:
    """Split a downstream data set as its authors did."""
    if data.task.split == "ogb_scaffold":
        return ogb_scaffold_split(data.smiles)
    return scaffold_split(data.smiles)


def scaffold_split(
    smiles: Sequence[str], train: float = 0.6, valid: float = 0.15, seed: int = 3, *, chirality: bool = True
) -> SplitIndices:
    """Split molecules by scaffold as the paper does (method.md, section 5).

    The scaffold groups, in order of first appearance, are shuffled with NumPy's legacy generator; the molecules are
    dealt in that order. A group may straddle a cut, as it does in the paper.

    Parameters
    ----------
    smiles
        n SMILES.
    train, valid
        Shares of the train and validation sets, each rounded down to molecules; the rest is the test set.
    seed
        Seed of the shuffle.
    chirality
        Whether scaffolds that differ in stereochemistry alone are different scaffolds. The paper's split: True, which
        puts stereoisomers of a molecule on both sides of a cut; see docs/decisions/0007.

    Raises
    ------
    InputError
        If the shares do not fit, or RDKit cannot parse a SMILES.
    """
    _check_shares(train, valid)
    groups = list(scaffold_groups(smiles, chirality=chirality).values())
    np.random.RandomState(seed).shuffle(groups)
    dealt = [index for group in groups for index in group]
    first = int(train * len(smiles))
    second = first + int(valid * len(smiles))
    return SplitIndices(_indices(dealt[:first]), _indices(dealt[first:second]), _indices(dealt[second:]))


def ogb_scaffold_split(smiles: Sequence[str], train: float = 0.8, valid: float = 0.1) -> SplitIndices:
    """Split molecules by scaffold as the Open Graph Benchmark does: whole groups, the largest first, no chirality.

    A group goes to the train set if it fits there, else to the validation set if it fits there, else to the test set.
    Groups of one size are taken from the one that appears last to the one that appears first. On ToxCast this leaves
    608 of 617 tasks with both classes in the test set, as method.md (section 5) records for OGB's split.

    Parameters and errors as for `scaffold_split`.
    """
    _check_shares(train, valid)
    groups = sorted(
        scaffold_groups(smiles, chirality=False).values(), key=lambda group: (len(group), group[0]), reverse=True
    )
    sets: tuple[list[int], list[int], list[int]] = ([], [], [])
    for group in groups:
        if len(sets[0]) + len(group) <= train * len(smiles):
            sets[0].extend(group)
        elif len(sets[0]) + len(sets[1]) + len(group) <= (train + valid) * len(smiles):
            sets[1].extend(group)
        else:
            sets[2].extend(group)
    return SplitIndices(*map(_indices, sets))


def scaffold_groups(smiles: Sequence[str], *, chirality: bool) -> dict[str, list[int]]:
    """Group molecules by the SMILES of their Bemis-Murcko scaffold, in order of first appearance.

    All acyclic molecules have the scaffold ``""`` and so form one group.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold_smiles: Callable[..., str] = MurckoScaffold.MurckoScaffoldSmiles

    groups: dict[str, list[int]] = {}
    with rdBase.BlockLogs():
        for index, text in enumerate(smiles):
            molecule = Chem.MolFromSmiles(text)
            if molecule is None:
                raise InputError(f"molecule {index + 1}: RDKit cannot parse the SMILES {text!r}")
            scaffold = scaffold_smiles(mol=molecule, includeChirality=chirality)
            groups.setdefault(scaffold, []).append(index)
    return groups


def _check_shares(train: float, valid: float) -> None:
    if not (train > 0 and valid >= 0 and train + valid <= 1):
        raise InputError(f"shares of the train and validation sets must add up to at most 1; got {train} and {valid}")


def _indices(values: Iterable[int]) -> Indices:
    return np.fromiter(values, dtype=np.intp)
