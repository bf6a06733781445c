"""How two things hang together: ``python -m queries.paths imatinib KIT``.

The shortest and the heaviest paths between two nodes; a path's weight is the product of its edges' weights, as in a
walk. Both ends are expanded hop by hop until they meet, of a hub only the heaviest edges: what that leaves out is told.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from graphdb.console import run
from graphdb.errors import InputError
from graphdb.schema import EdgeType
from graphdb.store import GraphStore
from queries.answer import Answer, Section
from queries.edge_arguments import add_edge_arguments, edge_types_of
from queries.edge_reader import SECONDS, Reader, reader_of
from queries.graph import opened
from queries.names import Node
from queries.output import add_form_arguments, emit
from queries.relaxation import NodeId, Step
from queries.resolve import resolve
from queries.routes import best_routes, graph_of

K = 5
HOPS = 4
MOST_HOPS = 8
WIDTH = 300
"""Nodes of one hop that are expanded, those with the heaviest edges to what was reached before."""
PATH_COLUMNS = ["number", "kind", "hops", "path_weight", "path"]
STEP_COLUMNS = ["number", "step", "edge_type", "weight", "node_type", "key", "name", "simulated"]


@dataclass(frozen=True)
class Paths(Answer):
    """Paths between two nodes.

    Attributes
    ----------
    start, end
        The nodes.
    paths
        One row a path: ``number`` (from 1), ``kind`` (``shortest``, ``heaviest``, or both), ``hops``, ``path_weight``,
        ``path`` (to read).
    steps
        One row a node of a path: ``number``, ``step`` (0 at the start), ``edge_type`` and ``weight`` of the edge that
        leads to it (None at the start), ``node_type``, ``key``, ``name``, ``simulated``.
    hops
        The longest path that was looked for.
    left_out
        Hubs of which only the heaviest edges were followed, and nodes that were not expanded: better paths may be
        missing, unless it is 0.
    """

    start: Node
    end: Node
    paths: pd.DataFrame
    steps: pd.DataFrame
    hops: int
    left_out: int

    @property
    def title(self) -> str:
        """Between what."""
        return f"Paths between {self.start.name} and {self.end.name}"

    def sections(self) -> Sequence[Section]:
        """Return the paths, then their steps."""
        none = "" if len(self.paths) else f"No path of at most {self.hops} edges joins them."
        return [Section("paths", "Paths", self.paths, note=none), Section("steps", "Step by step", self.steps)]

    def warnings(self) -> Sequence[str]:
        """Return what was followed in part, and what is simulated."""
        found = []
        if self.steps["simulated"].any():
            found.append("SIMULATED, not measured: a profile on these paths")
        if self.left_out:
            found.append(f"{self.left_out:,} hubs were followed in part only (the heaviest edges)")
        return found


def paths(
    store: GraphStore,
    start: str,
    end: str,
    *,
    k: int = K,
    hops: int = HOPS,
    edge_types: Sequence[EdgeType] | None = None,
    min_weight: float = 0.0,
    seconds: float = SECONDS,
) -> Paths:
    """Return the `k` shortest and the `k` heaviest simple paths between two nodes. Directions do not matter.

    Parameters
    ----------
    store
        The graph.
    start, end
        Anything that `queries.resolve.resolve` takes.
    k
        Paths of each kind.
    hops
        Edges of the longest path, at most 8.
    edge_types
        Follow these only; None: all.
    min_weight
        Follow only edges of at least this weight.
    seconds
        Give up after this time.

    Raises
    ------
    InputError
        If an end cannot be resolved, both are the same, or a number is out of range.
    GraphError
        If it takes too long.
    """
    if k < 1 or not 1 <= hops <= MOST_HOPS:
        raise InputError(f"expected at least one path, of 1 to {MOST_HOPS} hops, got {k} and {hops}")
    one, other = resolve(store, start), resolve(store, end)
    first, last = NodeId(one.node_type, one.key), NodeId(other.node_type, other.key)
    if first == last:
        raise InputError(f"{start!r} and {end!r} are the same node ({one.name})")
    reader = reader_of(store, edge_types, min_weight, seconds)
    steps, not_expanded = _between(reader, first, last, hops)
    graph = graph_of(steps)
    shortest = best_routes(graph, first, last, k=k, hops=hops, heaviest=False)
    heaviest = best_routes(graph, first, last, k=k, hops=hops, heaviest=True)
    routes = {route.nodes: route for route in (*shortest, *heaviest)}
    kinds = {
        nodes: " and ".join(
            kind
            for kind, of_kind in (("shortest", shortest), ("heaviest", heaviest))
            if any(route.nodes == nodes for route in of_kind)
        )
        for nodes in routes
    }
    described = reader.described(list(dict.fromkeys(node for nodes in routes for node in nodes)))
    rows, of_steps = [], []
    for number, (nodes, route) in enumerate(routes.items(), 1):
        names = [described[node].name for node in nodes]
        text = names[0] + "".join(
            f" -{step.edge_type}- {name}" for step, name in zip(route.steps, names[1:], strict=True)
        )
        rows.append((number, kinds[nodes], len(route.steps), route.weight, text))
        for place, node in enumerate(nodes):
            by = route.steps[place - 1] if place else None
            edge = (str(by.edge_type), by.weight) if by else (None, None)
            shown = described[node]
            of_steps.append((number, place, *edge, str(node.node_type), node.key, shown.name, shown.simulated))
    table = pd.DataFrame(of_steps, columns=STEP_COLUMNS).astype({"key": object, "simulated": bool})
    return Paths(one, other, pd.DataFrame(rows, columns=PATH_COLUMNS), table, hops, not_expanded + reader.hubs)


def _between(reader: Reader, start: NodeId, end: NodeId, hops: int) -> tuple[list[Step], int]:
    """Return the edges within half the hops of either end, and how many nodes were not expanded."""
    found: list[Step] = []
    left_out = 0
    for origin, reach in ((start, (hops + 1) // 2), (end, hops // 2)):
        known = {origin}
        frontier = [origin]
        for _ in range(reach):
            met: dict[NodeId, float] = {}
            for step in reader.steps(frontier):
                found.append(step)
                if step.neighbour not in known:
                    met[step.neighbour] = max(step.weight, met.get(step.neighbour, 0.0))
            known |= set(met)
            ordered = sorted(met, key=lambda node: (-met[node], node.node_type.code, str(node.key)))
            left_out += max(0, len(ordered) - WIDTH)
            frontier = ordered[:WIDTH]
        # Nodes of the last hop are not expanded: the other end comes as far.
    return found, left_out


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.paths", description=__doc__)
    parser.add_argument("start", help="a name, identifier, SMILES, gene symbol or key")
    parser.add_argument("end", help="another one")
    parser.add_argument("-k", type=int, default=K, help=f"paths of each kind (default {K})")
    parser.add_argument("--hops", type=int, default=HOPS, help=f"edges of the longest path (default {HOPS})")
    add_edge_arguments(parser)
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the paths."""
    started = time.perf_counter()
    with opened() as store:
        found = paths(
            store,
            arguments.start,
            arguments.end,
            k=arguments.k,
            hops=arguments.hops,
            edge_types=edge_types_of(arguments),
            min_weight=arguments.min_weight,
        )
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
