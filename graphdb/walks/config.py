"""What a walk is: its settings, and the arrays that samplers return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from graphdb.snapshot import Snapshot

# Beyond it a walk only goes to and fro, or never does.
LEAST_FACTOR = 1e-6


@dataclass(frozen=True)
class WalkConfig:
    """Settings of the random walks (InfoAlign, arXiv 2406.12056, section 3).

    Attributes
    ----------
    length
        Number of steps L; a walk has at most L + 1 nodes, the start included. The paper's is 4.
    walks_per_node
        Walks from every start.
    weighted
        False: a step goes to each neighbour with probability 1 / degree. True: in proportion to the edges' weights.
    seed
        Seed of the random numbers.
    p, q
        Return and in-out parameter of node2vec (Grover and Leskovec 2016, arXiv 1607.00653): a step from v, after one
        from t to v, weighs 1 / p if it goes back to t, 1 if it goes to a neighbour of t, else 1 / q, times what it
        weighs without them. 1 and 1, the default, are the walks of the paper.
    edge_types
        Walk along edges of these types alone; None for all of the snapshot.

    Raises
    ------
    InputError
        If a setting is not of its type or out of range.
    """

    length: int = 4
    walks_per_node: int = 1
    weighted: bool = False
    seed: int = 0
    p: float = 1.0
    q: float = 1.0
    edge_types: tuple[EdgeType, ...] | None = None

    def __post_init__(self) -> None:
        for name, least in (("length", 0), ("walks_per_node", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"walks: {name} must be a whole number from {least}, got {value!r}")
        if not isinstance(self.weighted, bool):
            raise InputError(f"walks: weighted must be true or false, got {self.weighted!r}")
        for name in ("p", "q"):
            value = getattr(self, name)
            if (
                not isinstance(value, int | float)
                or isinstance(value, bool)
                or not LEAST_FACTOR <= value <= 1 / LEAST_FACTOR
            ):
                raise InputError(
                    f"walks: {name} must be a number from {LEAST_FACTOR} to {1 / LEAST_FACTOR:g}, got {value!r}"
                )
            object.__setattr__(self, name, float(value))
        if self.edge_types is not None:
            object.__setattr__(self, "edge_types", _edge_types(self.edge_types))

    @property
    def second_order(self) -> bool:
        """Whether a step depends on the one before."""
        return (self.p, self.q) != (1, 1)

    def topology(self, snapshot: Snapshot) -> Snapshot:
        """Return what is walked of a snapshot: all of it, or the edges of some types; the numbering is the same."""
        return snapshot if self.edge_types is None else snapshot.of_edge_types(self.edge_types)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """Make it from a mapping, for example that of a manifest; unknown or wrong settings are an `InputError`."""
        unknown = sorted(set(settings) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"walks: unknown setting {unknown[0]!r}")
        return cls(**settings)


def _edge_types(names: Any) -> tuple[EdgeType, ...]:
    """Return edge types in the order of the schema, each once."""
    known = {str(edge_type) for edge_type in EdgeType}
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InputError(f"walks: edge_types must be a list of edge types, got {names!r}")
    wanted = list(names)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        what = f"{unknown[0]!r} is no edge type" if unknown else "none is named"
        raise InputError(f"walks: edge_types: {what}; there are {', '.join(EdgeType)}")
    return tuple(edge_type for edge_type in EdgeType if edge_type in wanted)


@dataclass(frozen=True, eq=False)
class Walks:
    """N walks of at most L steps.

    Attributes
    ----------
    nodes
        (N, L + 1) int32 node numbers of the snapshot; column 0 is the start; -1 after the end of a walk.
    path_weights
        (N, L + 1) float32: alpha_0 = 1, alpha_l = product of the weights of the l edges walked; 0 after the end.
    """

    nodes: npt.NDArray[np.int32]
    path_weights: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.nodes.ndim != 2 or self.nodes.shape != self.path_weights.shape:
            raise InputError(
                f"walks: nodes of shape {self.nodes.shape} and path weights of shape {self.path_weights.shape}"
            )

    def __len__(self) -> int:
        """Return the number of walks N."""
        return len(self.nodes)

    @property
    def length(self) -> int:
        """Number of steps L that a walk may have."""
        return int(self.nodes.shape[1]) - 1

    @property
    def starts(self) -> npt.NDArray[np.int32]:
        """(N,) int32 first node of every walk."""
        return self.nodes[:, 0]

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """(N,) int64 number of steps that every walk made before it ended."""
        made: npt.NDArray[np.int64] = (self.nodes[:, 1:] >= 0).sum(axis=1, dtype=np.int64)
        return made

    def take(self, rows: npt.NDArray[np.integer[Any]] | slice) -> Walks:
        """Return the walks `rows` in this order."""
        return Walks(self.nodes[rows], self.path_weights[rows])


class Sampler(Protocol):
    """Who walks over one topology with one configuration.

    Attributes
    ----------
    name
        ``memory``, ``cypher`` or ``gds``, for manifests.
    """

    name: str

    def sample(self, starts: npt.ArrayLike, epoch: int = 0) -> Walks:
        """Walk from every start; each epoch has walks of its own."""
        ...
