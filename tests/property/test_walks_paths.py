"""Walks over random graphs: along edges only, weights recomputed from the snapshot, ends only where nothing goes on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, sample


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    size = draw(st.integers(1, 12))
    node = st.integers(0, size - 1)
    weight = st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0])
    edges = draw(st.lists(st.tuples(node, node, weight), max_size=30))
    src, dst, weights = zip(*edges, strict=True) if edges else ((), (), ())
    return Snapshot.from_edges([0] * size, src, dst, weights)


CONFIGS = st.builds(
    WalkConfig,
    length=st.integers(0, 6),
    walks_per_node=st.integers(1, 3),
    weighted=st.booleans(),
    seed=st.integers(0, 2**70),
)


def adjacency(snapshot: Snapshot) -> dict[tuple[int, int], np.float32]:
    rows = np.repeat(np.arange(snapshot.number_of_nodes), snapshot.degree)
    return dict(zip(zip(rows.tolist(), snapshot.indices.tolist(), strict=True), snapshot.weights, strict=True))


@given(snapshots(), CONFIGS, st.integers(0, 5))
def test_walks_go_along_edges_and_weigh_what_they_walked(snapshot: Snapshot, config: WalkConfig, epoch: int) -> None:
    weight = adjacency(snapshot)
    walks = sample(snapshot, np.arange(snapshot.number_of_nodes), config, epoch)
    assert walks.nodes.shape == (snapshot.number_of_nodes * config.walks_per_node, config.length + 1)
    assert (walks.nodes.dtype, walks.path_weights.dtype) == (np.int32, np.float32)
    for nodes, alphas in zip(walks.nodes.tolist(), walks.path_weights, strict=True):
        alpha, ended = np.float32(1), False
        assert alphas[0] == 1
        for step in range(1, len(nodes)):
            before, node = nodes[step - 1], nodes[step]
            if node == -1:
                if not ended:
                    onward = [edge for edge in weight if edge[0] == before]
                    assert not any(weight[edge] > 0 for edge in onward) if config.weighted else not onward
                ended = True
                assert alphas[step] == 0
            else:
                assert not ended
                alpha *= weight[before, node]
                assert alphas[step] == alpha
                assert not config.weighted or weight[before, node] > 0
