"""Parts of molecules by index arithmetic on whole batches: no loop over molecules, on whatever device they are."""

from __future__ import annotations

import torch
from torch import Tensor

from learn.graph_batch import GraphBatch


def atom_counts(graphs: GraphBatch) -> tuple[Tensor, Tensor]:
    """Return the number of atoms of every molecule and its first atom, (B,) int64 both."""
    counts = torch.bincount(graphs.batch, minlength=graphs.size)
    return counts, counts.cumsum(0) - counts


def random_atoms(graphs: GraphBatch) -> Tensor:
    """Return a random atom of every molecule, (B,) int64."""
    counts, first = atom_counts(graphs)
    drawn = (torch.rand(graphs.size, device=counts.device) * counts).long()
    # A product just below a whole number may be rounded up to it.
    return first + torch.minimum(drawn, counts - 1)


def random_ranks(graphs: GraphBatch) -> Tensor:
    """Return for every atom its place, from 0, in a random order of the atoms of its molecule, (A,) int64."""
    _, first = atom_counts(graphs)
    shuffled = torch.rand(len(graphs.batch), device=graphs.batch.device).argsort()
    # Stable: molecules in their order again, the atoms of each in the random one.
    order = shuffled[graphs.batch[shuffled].argsort(stable=True)]
    places = torch.arange(len(order), device=order.device) - first[graphs.batch[order]]
    return torch.empty_like(places).scatter_(0, order, places)


def hops(graphs: GraphBatch, roots: Tensor, most: int) -> Tensor:
    """Return how many bonds every atom is away from the roots (r,), (A,) int64; `most` + 1 where more than `most`."""
    source, target = graphs.edge_index
    distance = torch.full_like(graphs.batch, most + 1)
    distance[roots] = 0
    for _ in range(most):
        distance = distance.scatter_reduce(0, target, distance[source] + 1, "amin")
    return distance


def induced(graphs: GraphBatch, keep: Tensor) -> tuple[GraphBatch, Tensor]:
    """Return the atoms that are kept with the bonds between them; molecules that keep none are left out.

    Parameters
    ----------
    graphs
        The molecules.
    keep
        (A,) bool.

    Returns
    -------
    tuple
        The parts, and the new number of every atom, (A,) int64, of use where it is kept.
    """
    number = keep.cumsum(0) - 1
    source, target = graphs.edge_index
    bonds = keep[source] & keep[target]
    batch = graphs.batch[keep]
    left = torch.bincount(batch, minlength=graphs.size) > 0
    part = GraphBatch(
        x=graphs.x[keep],
        edge_index=number[graphs.edge_index[:, bonds]],
        edge_attr=graphs.edge_attr[bonds],
        batch=(left.cumsum(0) - 1)[batch],
        size=int(left.sum()),
    )
    return part, number
