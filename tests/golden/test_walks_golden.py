"""A fixed seed gives fixed walks: on every machine, in every version.

The numbers were recorded when the sampler was written. The uniform ones are also derived here by a second, plain
implementation of what the sampler documents. If this test fails, exported walks of older versions can no longer be made
again: raise `graphdb.schema.SCHEMA_VERSION`, which is part of every snapshot id, and record anew.
"""

from __future__ import annotations

import hashlib

import numpy as np

from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, sample

SNAPSHOT_ID = "73a78964914bea25a1f4675641ff251d09c8d4d9f22d3a35b46e7db653024aae"

UNIFORM = [
    ([0, 3, 1, 3, 5], [1, 0.5, 0.125, 0.03125, 0]),
    ([1, 3, 1, 3, 1], [1, 0.25, 0.0625, 0.015625, 0.00390625]),
    ([2, 4, 1, 3, 1], [1, 0.75, 0.75, 0.1875, 0.046875]),
    ([3, 1, 3, 0, 5], [1, 0.25, 0.0625, 0.03125, 0.03125]),
    ([4, 1, 3, 4, 2], [1, 1, 0.25, 0.03125, 0.0234375]),
    ([5, 3, 1, 4, 2], [1, 0, 0, 0, 0]),
]
WEIGHTED = [
    ([0, 3, 0, 3, 1], [1, 0.5, 0.25, 0.125, 0.03125]),
    ([1, 4, 2, 4, 1], [1, 1, 0.75, 0.5625, 0.5625]),
    ([2, 4, 1, 4, 1], [1, 0.75, 0.75, 0.75, 0.75]),
    ([3, 1, 4, 1, 4], [1, 0.25, 0.25, 0.25, 0.25]),
    ([4, 1, 4, 2, 4], [1, 1, 1, 0.75, 0.5625]),
    ([5, 0, 5, 0, 3], [1, 1, 1, 1, 0.5]),
]
SEED, EPOCH = 2024, 1


def graph() -> Snapshot:
    return Snapshot.from_edges(
        [0, 0, 0, 1, 1, 2],
        [0, 0, 1, 1, 2, 3, 3],
        [3, 5, 3, 4, 4, 4, 5],
        [0.5, 1, 0.25, 1, 0.75, 0.125, 0],
    )


def walked(weighted: bool) -> list[tuple[list[int], list[float]]]:
    walks = sample(graph(), np.arange(6), WalkConfig(weighted=weighted, seed=SEED), EPOCH)
    return list(zip(walks.nodes.tolist(), walks.path_weights.tolist(), strict=True))


def mix(x: int) -> int:
    mask = 2**64 - 1
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return x ^ (x >> 31)


def plain_walk(neighbours: list[list[int]], start: int, replicate: int, length: int) -> list[int]:
    golden, modulus = 0x9E3779B97F4A7C15, 2**64
    text = f"walks\n{SNAPSHOT_ID}\n{SEED}\n{EPOCH}".encode()
    key = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    state = mix((mix((key + start * golden) % modulus) + replicate * golden) % modulus)
    nodes = [start]
    for _ in range(length):
        state = (state + golden) % modulus
        around = neighbours[nodes[-1]]
        nodes.append(around[(mix(state) >> 32) * len(around) >> 32])
    return nodes


def test_the_id_of_a_fixed_graph() -> None:
    assert graph().id == SNAPSHOT_ID


def test_uniform_walks_of_a_fixed_seed() -> None:
    assert walked(weighted=False) == UNIFORM


def test_weighted_walks_of_a_fixed_seed() -> None:
    assert walked(weighted=True) == WEIGHTED


def test_uniform_walks_are_those_of_a_plain_implementation() -> None:
    snapshot = graph()
    neighbours = [row.tolist() for row in np.split(snapshot.indices, snapshot.indptr[1:-1])]
    config = WalkConfig(length=9, walks_per_node=3, seed=SEED)
    expected = [plain_walk(neighbours, start, replicate, 9) for start in range(6) for replicate in range(3)]
    assert sample(snapshot, np.arange(6), config, EPOCH).nodes.tolist() == expected
