"""Edges of a topology, looked up: what the samplers that walk in a database need of the snapshot."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError
from graphdb.snapshot import Snapshot
from graphdb.walks.config import Walks


def edge_positions(topology: Snapshot, source: npt.NDArray[Any], target: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return where in ``topology.indices`` the edges source → target (k,) stand; -1 where there is none."""
    size = topology.number_of_nodes
    # Rows are sorted, and so are the entries within a row: this is the whole list of edges in ascending order.
    row = np.repeat(np.arange(size, dtype=np.int64), topology.degree)
    entries = row * size + topology.indices
    wanted = source.astype(np.int64) * size + target
    found = np.searchsorted(entries, wanted)
    found[found == len(entries)] = 0
    there = entries[found] == wanted if len(entries) else np.zeros(len(wanted), dtype=bool)
    return np.where(there, found, -1)


def with_path_weights(topology: Snapshot, nodes: npt.NDArray[np.int32]) -> Walks:
    """Return walks with the weights of their paths.

    Parameters
    ----------
    topology
        What was walked.
    nodes
        (N, L + 1) int32, -1 after the end of a walk.

    Raises
    ------
    ArtefactError
        If a walk takes an edge that the topology does not have: it is of another graph.
    """
    steps = np.ones(nodes.shape, dtype=np.float32)
    source, target = nodes[:, :-1], nodes[:, 1:]
    made = target >= 0
    entry = edge_positions(topology, source[made], target[made])
    if (entry < 0).any():
        first = np.flatnonzero(entry < 0)[0]
        ends = [str(topology.keys[node[made][first]]) for node in (source, target)]
        raise ArtefactError(
            f"the walk goes from {ends[0]} to {ends[1]}, which the snapshot does not join; the graph has changed since "
            "it was made: python -m graphdb.snapshot"
        )
    steps[:, 1:][made] = topology.weights[entry]
    # One product after another in single precision, as the sampler in memory multiplies.
    path_weights = np.cumprod(steps, axis=1, dtype=np.float32)
    path_weights[nodes < 0] = 0
    return Walks(nodes, path_weights)
