"""What a walk is made of: its nodes by name, the edges it takes with their criteria, and what each position teaches."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdb import connect
from graphdb.console import note, print_table, say
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.holdout import key_file, molecules_with, read_blocks, read_certificate
from graphdb.schema import EDGES, NODES, EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.config import WalkConfig, Walks
from graphdb.walks.database import database_keys, require_same_graph, walked_types
from graphdb.walks.memory import sample
from graphdb.workspace import Workspace

if TYPE_CHECKING:
    from graphdb.store import GraphStore

# What a person calls a node, by type; the key where the graph has none of it.
_NAMES: Mapping[NodeType, tuple[str, ...]] = {
    NodeType.MOLECULE: ("name",),
    NodeType.GENE: ("symbol",),
    NodeType.MORPHOLOGY: ("record", "perturbation"),
    NodeType.EXPRESSION: ("record", "perturbation"),
}


@dataclass(frozen=True)
class TakenEdge:
    """One of the graph's edges between two nodes of a walk; the heaviest one gave the step its weight."""

    edge_type: EdgeType
    criterion: str
    weight: float

    def __str__(self) -> str:
        return f"{self.edge_type} {self.weight:.4g} ({self.criterion or 'no criterion'})"


@dataclass(frozen=True)
class Position:
    """A node on a walk.

    Attributes
    ----------
    node_type, key, name
        The node.
    edges
        Between the node before and this one, the heaviest first; none at the start.
    weight
        Of the step: the largest of the edges'; 1 at the start.
    path_weight
        alpha_l, the product of the weights so far: what the loss at this position is multiplied by.
    targets
        Feature spaces in which this node has features: each is rebuilt by its decoder.
    """

    node_type: NodeType
    key: str
    name: str
    edges: tuple[TakenEdge, ...]
    weight: float
    path_weight: float
    targets: tuple[str, ...]


def explain(
    store: GraphStore, snapshot: Snapshot, walks: Walks, spaces: Sequence[FeatureSpace], edge_types: Sequence[EdgeType]
) -> list[list[Position]]:
    """Return the positions of each walk, from the start to where it ends.

    Parameters
    ----------
    store
        The graph that the snapshot was made of.
    snapshot
        In whose numbering the walks are.
    walks
        N walks.
    spaces
        Feature spaces of the feature store.
    edge_types
        What was walked.

    Raises
    ------
    ArtefactError
        If the graph is not that of the snapshot.
    """
    require_same_graph(store, snapshot)
    nodes = np.unique(walks.nodes[walks.nodes >= 0])
    names = _names(store, snapshot, nodes)
    pairs = {(int(v), int(x)) for row in walks.nodes for v, x in pairwise(row) if x >= 0}
    edges = _edges(store, snapshot, sorted(pairs), edge_types)
    targets = {
        int(node): tuple(
            space.name
            for space in spaces
            if space.node_type.code == snapshot.node_type[node] and space.index_of([snapshot.keys[node]])[0] >= 0
        )
        for node in nodes
    }
    explained = []
    for row, alphas in zip(walks.nodes.tolist(), walks.path_weights.tolist(), strict=True):
        positions = []
        for index, node in enumerate(row):
            if node < 0:
                break
            taken = edges[row[index - 1], node] if index else ()
            positions.append(
                Position(
                    list(NodeType)[snapshot.node_type[node]],
                    str(snapshot.keys[node]),
                    names[node],
                    taken,
                    taken[0].weight if taken else 1.0,
                    alphas[index],
                    targets[node],
                )
            )
        explained.append(positions)
    return explained


def find_molecule(store: GraphStore, snapshot: Snapshot, text: str) -> int:
    """Return the node of a molecule by its InChIKey, or by its name in the graph in any case.

    Raises
    ------
    InputError
        If there is none, or more than one of that name.
    """
    found = int(snapshot.index_of(NodeType.MOLECULE, [text])[0])
    if found >= 0:
        return found
    label, key = NodeType.MOLECULE, NODES[NodeType.MOLECULE].key
    rows = store.read(f"MATCH (m:{label}) WHERE toLower(m.name) = toLower($text) RETURN m.{key} AS key", text=text)
    keys = sorted(row["key"] for row in rows)
    if len(keys) != 1:
        several = (
            f"{len(keys)} molecules have that name: {', '.join(keys)}" if keys else "no molecule has that name or key"
        )
        raise InputError(f"{text!r}: {several}")
    return int(snapshot.index_of(NodeType.MOLECULE, keys)[0])


def show(arguments: argparse.Namespace, config: WalkConfig) -> None:
    """Print the walks of one molecule."""
    workspace = Workspace.default()
    snapshot = Snapshot.load(arguments.snapshot or workspace.snapshot)
    held_out = _held_out(snapshot, workspace.holdout)
    with connect(arguments.uri, read_only=True) as store:
        node = find_molecule(store, snapshot, arguments.molecule)
        if node in held_out:
            raise InputError(f"{arguments.molecule!r} is held out of pretraining: no walk starts from it")
        walks = sample(snapshot.without(held_out) if len(held_out) else snapshot, [node], config, arguments.epoch)
        try:
            spaces: Sequence[FeatureSpace] = FeatureStore.open(workspace.features).spaces()
        except ArtefactError as error:
            note(f"no decoder targets: {error}")
            spaces = ()
        explained = explain(store, snapshot, walks, spaces, walked_types(snapshot, config))
    for number, positions in enumerate(explained):
        print_table(f"Walk {number}", ["", "node", "type", "by", "weight", "path weight", "rebuilds"], _rows(positions))
        if len(positions) <= config.length:
            say(f"it ends after {len(positions) - 1} of {config.length} steps: there is no edge to take")
    kind = "in proportion to weights" if config.weighted else "with equal probability"
    say(f"each step goes to a neighbour {kind}; epoch {arguments.epoch}, seed {config.seed}")


def _rows(positions: Sequence[Position]) -> list[list[Any]]:
    return [
        [
            index,
            position.name if position.name == position.key else f"{position.name} [{position.key}]",
            position.node_type.value,
            "; ".join(map(str, position.edges)),
            f"{position.weight:.4g}",
            f"{position.path_weight:.4g}",
            ", ".join(position.targets) or "nothing",
        ]
        for index, position in enumerate(positions)
    ]


def _held_out(snapshot: Snapshot, folder: Path) -> Any:
    """Return the molecules that the certificate holds out, as node numbers."""
    blocks = {block for item in read_certificate(folder) for block in read_blocks(key_file(folder, item.sha256))}
    return molecules_with(snapshot, blocks)


def _names(store: GraphStore, snapshot: Snapshot, nodes: Any) -> dict[int, str]:
    names: dict[int, str] = {}
    for node_type in NodeType:
        of_type = nodes[snapshot.node_type[nodes] == node_type.code]
        key = NODES[node_type].key
        name = ", ".join(f"n.{name}" for name in _NAMES[node_type])
        rows = store.read(
            f"UNWIND $keys AS key MATCH (n:{node_type} {{{key}: key}}) RETURN key, coalesce({name}, '') AS name",
            keys=database_keys(snapshot, of_type, node_type),
        )
        given = {str(row["key"]): row["name"] for row in rows}
        names |= {int(node): given.get(str(snapshot.keys[node])) or str(snapshot.keys[node]) for node in of_type}
    return names


def _edges(
    store: GraphStore, snapshot: Snapshot, pairs: Sequence[tuple[int, int]], edge_types: Sequence[EdgeType]
) -> dict[tuple[int, int], tuple[TakenEdge, ...]]:
    """Return the edges between pairs of nodes, in whichever direction they are stored, the heaviest first."""
    found: dict[tuple[int, int], list[TakenEdge]] = {pair: [] for pair in pairs}
    known = {ends for edge_type in edge_types for ends in EDGES[edge_type].endpoints}
    for source in NodeType:
        for target in NodeType:
            if (source, target) not in known and (target, source) not in known:
                continue
            of_types = [
                pair
                for pair in pairs
                if (snapshot.node_type[pair[0]], snapshot.node_type[pair[1]]) == (source.code, target.code)
            ]
            ends = [
                database_keys(snapshot, np.array([pair[end] for pair in of_types], dtype=np.int64), node_type)
                for end, node_type in ((0, source), (1, target))
            ]
            rows = store.read(
                f"UNWIND $rows AS row MATCH (a:{source} {{{NODES[source].key}: row.a}})"
                f"-[r:{'|'.join(edge_types)}]-(b:{target} {{{NODES[target].key}: row.b}}) "
                "RETURN row.pair AS pair, type(r) AS edge_type, r.criterion AS criterion, r.weight AS weight",
                rows=[{"pair": index, "a": a, "b": b} for index, (a, b) in enumerate(zip(*ends, strict=True))],
            )
            for row in rows:
                found[of_types[row["pair"]]].append(
                    TakenEdge(EdgeType(row["edge_type"]), row["criterion"] or "", row["weight"])
                )
    return {
        pair: tuple(sorted(edges, key=lambda edge: (-edge.weight, edge.edge_type, edge.criterion)))
        for pair, edges in found.items()
    }
