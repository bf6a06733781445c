"""How much molecules share in the context graph: two steps from one to the other, over genes, profiles or molecules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from graphdb.holdout import BLOCK
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot

STRONGEST = 30
"""Molecules to which a molecule is joined at most, beside those that are joined to it."""


def shared_neighbours(snapshot: Snapshot, blocks: Sequence[str]) -> sparse.csr_array:
    """Return how much molecules share in the graph, (n, n) float32, symmetric, not negative, 0 on the diagonal.

    Edges are normalised by the square roots of their ends' summed weights, so that a hub tells little; what two
    molecules share is the edge between them and all paths of two edges, each the product of its edges.

    Parameters
    ----------
    snapshot
        The context graph; a molecule without edges shares nothing.
    blocks
        n first blocks of InChIKeys; "" where there is none. All nodes of a block count as its molecule.
    """
    size = snapshot.number_of_nodes
    weights = sparse.csr_array(
        (snapshot.weights.astype(np.float64), snapshot.indices.astype(np.int64), snapshot.indptr), shape=(size, size)
    )
    degree: npt.NDArray[np.float64] = np.asarray(weights.sum(axis=1)).ravel()
    scale = sparse.diags_array(np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0))
    edges = sparse.csr_array(scale @ weights @ scale)
    belongs = _membership(snapshot, blocks)
    reached = sparse.csr_array(belongs @ edges)
    shared = sparse.csr_array(reached @ reached.T + reached @ belongs.T)
    shared.setdiag(0)
    shared.eliminate_zeros()
    kept = _strongest(sparse.csr_array(shared))
    return sparse.csr_array(kept.maximum(kept.T)).astype(np.float32)


def _membership(snapshot: Snapshot, blocks: Sequence[str]) -> sparse.csr_array:
    """Return (n, nodes): 1 where a node is of a molecule's block."""
    rows_of: dict[str, list[int]] = {}
    for row, block in enumerate(blocks):
        if block:
            rows_of.setdefault(block, []).append(row)
    molecules = snapshot.nodes(NodeType.MOLECULE)
    rows: list[int] = []
    columns: list[int] = []
    for node, key in zip(molecules.tolist(), snapshot.keys[molecules].tolist(), strict=True):
        for row in rows_of.get(str(key)[:BLOCK], ()):
            rows.append(row)
            columns.append(node)
    shape = (len(blocks), snapshot.number_of_nodes)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def _strongest(shared: sparse.csr_array) -> sparse.csr_array:
    """Return the `STRONGEST` largest entries of each row."""
    kept: npt.NDArray[np.bool_] = np.zeros(shared.nnz, dtype=np.bool_)
    for begin, end in zip(shared.indptr[:-1].tolist(), shared.indptr[1:].tolist(), strict=True):
        order = np.argsort(-shared.data[begin:end], kind="stable")[:STRONGEST]
        kept[begin + order] = True
    entries = sparse.coo_array(shared)
    return sparse.csr_array((entries.data[kept], (entries.row[kept], entries.col[kept])), shape=shared.shape)
