"""What lies around a molecule, a gene or a profile.

``python -m queries.neighbourhood aspirin`` takes a name, an identifier, a SMILES, a gene symbol or a key. The nearest
nodes come first; within a hop the kinds of paths take turns, the heaviest paths of each kind first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graphdb.console import note, run, say
from graphdb.errors import GraphError, InputError
from graphdb.files import replacing_file
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.store import GraphStore
from queries import picture, render
from queries.graph import opened
from queries.names import Node, read_nodes
from queries.paths import NodeId, Reached, Step, choose, heaviest_paths
from queries.resolve import key_text, resolve

HOPS = 2
LIMIT = 50
SECONDS = 60.0

WIDTH = 300
"""Nodes expanded in one hop, those with the heaviest paths."""
FAN = 200
"""Edges followed from one node in one edge type, the heaviest."""
BATCH = 50
"""Nodes expanded by one query; between queries the clock is looked at."""

_KEY = "coalesce({0}.inchikey, {0}.ncbi_id, {0}.profile_id)"
NODE_COLUMNS = ["node_type", "key", "name", "hops", "path_weight", "via", "simulated", "feature_space"]
EDGE_COLUMNS = [
    "edge_type",
    "src_type",
    "src",
    "dst_type",
    "dst",
    "weight",
    "sources",
    "feature_space",
    "simulated",
]


@dataclass(frozen=True)
class Neighbourhood:
    """A part of the graph around one node. Unpacks as ``nodes, edges``.

    Attributes
    ----------
    start
        The node that was asked for.
    nodes
        At most `limit` rows, the start first: ``node_type``, ``key`` (InChIKey, NCBI id as int, profile id), ``name``,
        ``hops`` (fewest edges from the start), ``path_weight`` (largest product of weights over paths of at most the
        asked hops), ``via`` (tuple: edge types of that path), ``simulated`` (no instrument measured this profile),
        ``feature_space`` (of a profile, else None).
    edges
        All edges of the asked types among these nodes: ``edge_type``, ``src_type``, ``src``, ``dst_type``, ``dst`` (as
        stored), ``weight``, ``sources`` (of a curated edge, else None), ``feature_space`` (of a computed edge, else
        None), ``simulated`` (computed from simulated profiles).
    found
        Number of nodes that were reached, the start included; more than ``len(nodes)`` where `limit` cut.
    left_out
        Number of hubs of which only the heaviest edges were followed, and of nodes that were not expanded at all.
        Nodes beyond those may be missing, and path weights may be too small, unless it is 0.
    """

    start: Node
    nodes: pd.DataFrame
    edges: pd.DataFrame
    found: int
    left_out: int = 0

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter((self.nodes, self.edges))


def neighbourhood(
    store: GraphStore,
    key: str | int,
    hops: int = HOPS,
    limit: int = LIMIT,
    *,
    edge_types: Sequence[EdgeType] | None = None,
    min_weight: float = 0.0,
    seconds: float = SECONDS,
) -> Neighbourhood:
    """Return what lies around a node. Edges are followed in both directions.

    Parameters
    ----------
    store
        The graph.
    key
        Anything that `queries.resolve.resolve` takes.
    hops
        The longest path.
    limit
        At most this many nodes, the start included; `queries.paths.choose` says which.
    edge_types
        Follow and return these only; None: all.
    min_weight
        Follow and return only edges of at least this weight.
    seconds
        Give up after this time. Work is bounded besides: a hop expands at most `WIDTH` nodes, and follows at most
        `FAN` edges of a node and type.

    Raises
    ------
    InputError
        If `key` cannot be resolved, or a number is out of range.
    GraphError
        If it takes too long.
    """
    if hops < 1 or limit < 1:
        raise InputError(f"expected at least one hop and one node, got hops {hops} and limit {limit}")
    if not 0 <= min_weight <= 1:
        raise InputError(f"expected a weight in [0, 1], got {min_weight}")
    fetcher = _Fetcher(store, list(edge_types or EdgeType), min_weight, time.monotonic() + seconds, seconds)
    start = resolve(store, str(key))
    start_id = NodeId(start.node_type, start.key)
    reached, not_expanded = heaviest_paths(start_id, fetcher.steps, hops=hops, width=WIDTH)
    chosen = choose(reached, limit)
    described = {
        NodeId(node_type, node_key): node
        for node_type, ids in _by_type(chosen).items()
        for node_key, node in read_nodes(store, node_type, [node.key for node in ids]).items()
    }
    return Neighbourhood(
        start,
        _node_table([(described[node], reached[node]) for node in chosen]),
        _edge_table(fetcher.edges_among(chosen), _simulated_spaces(store)),
        found=len(reached),
        left_out=not_expanded + fetcher.hubs,
    )


@dataclass
class _Fetcher:
    """Reads edges, within the given time."""

    store: GraphStore
    edge_types: Sequence[EdgeType]
    min_weight: float
    deadline: float
    seconds: float
    hubs: int = 0

    def steps(self, nodes: Sequence[NodeId]) -> Iterator[Step]:
        """Yield the edges of these nodes, of each node and edge type the heaviest `FAN`."""
        for node_type, ids in _by_type(nodes).items():
            query = (
                f"UNWIND $keys AS key MATCH (a:{node_type} {{{NODES[node_type].key}: key}})-[r:{self._types}]-(b) "
                "WHERE r.weight >= $min_weight WITH key, type(r) AS edge_type, r.weight AS weight, "
                f"[label IN labels(b) WHERE label IN $labels][0] AS node_type, {_KEY.format('b')} AS neighbour "
                "ORDER BY weight DESC, toString(neighbour) "
                "WITH key, edge_type, collect([weight, node_type, neighbour]) AS found "
                "RETURN key, edge_type, found[..$fan] AS steps, size(found) AS degree"
            )
            for row in self._batches(query, ids, fan=FAN):
                self.hubs += row["degree"] > FAN
                for weight, neighbour_type, neighbour in row["steps"]:
                    yield Step(
                        NodeId(node_type, row["key"]),
                        EdgeType(row["edge_type"]),
                        weight,
                        NodeId(NodeType(neighbour_type), neighbour),
                    )

    def edges_among(self, nodes: Sequence[NodeId]) -> list[dict[str, Any]]:
        """Return the edges of which both ends are among `nodes`, with their properties."""
        inside = [node.key for node in nodes]
        rows = []
        for node_type, ids in _by_type(nodes).items():
            query = (
                f"UNWIND $keys AS key MATCH (a:{node_type} {{{NODES[node_type].key}: key}})-[r:{self._types}]->(b) "
                f"WITH key, r, [label IN labels(b) WHERE label IN $labels][0] AS dst_type, {_KEY.format('b')} AS dst "
                "WHERE r.weight >= $min_weight AND dst IN $inside "
                f"RETURN type(r) AS edge_type, '{node_type}' AS src_type, key AS src, dst_type, dst, "
                "r.weight AS weight, r.sources AS sources, r.feature_space AS feature_space"
            )
            rows += list(self._batches(query, ids, inside=inside))
        return rows

    @property
    def _types(self) -> str:
        return "|".join(self.edge_types)

    def _batches(self, query: str, nodes: Sequence[NodeId], **parameters: Any) -> Iterator[dict[str, Any]]:
        for first in range(0, len(nodes), BATCH):
            if time.monotonic() > self.deadline:
                raise GraphError(
                    f"the neighbourhood took longer than {self.seconds:g} s; ask for fewer hops, some edge types, "
                    "or a larger smallest weight"
                )
            yield from self.store.read(
                query,
                keys=[node.key for node in nodes[first : first + BATCH]],
                labels=list(NodeType),
                min_weight=self.min_weight,
                **parameters,
            )


def _by_type(nodes: Sequence[NodeId]) -> dict[NodeType, list[NodeId]]:
    grouped: dict[NodeType, list[NodeId]] = {}
    for node in nodes:
        grouped.setdefault(node.node_type, []).append(node)
    return grouped


def _simulated_spaces(store: GraphStore) -> set[str]:
    """Return the feature spaces of simulated profiles."""
    rows = [
        row
        for node_type in (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
        for row in store.read(f"MATCH (p:{node_type}) WHERE p.simulated RETURN DISTINCT p.feature_space AS space")
    ]
    return {row["space"] for row in rows}


def _node_table(rows: Sequence[tuple[Node, Reached]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                str(node.node_type),
                node.key,
                node.name,
                reached.hops,
                reached.path_weight,
                tuple(str(edge_type) for edge_type in reached.via),
                node.simulated,
                node.feature_space,
            )
            for node, reached in rows
        ],
        columns=NODE_COLUMNS,
    ).astype({"key": object, "feature_space": object, "simulated": bool})


def _edge_table(rows: Sequence[dict[str, Any]], simulated_spaces: set[str]) -> pd.DataFrame:
    def is_simulated(space: str | None) -> bool:
        # Genes carry profiles in spaces named after those of the compounds: SPACE-crispr, SPACE-orf.
        return space is not None and (space in simulated_spaces or space.rpartition("-")[0] in simulated_spaces)

    table = pd.DataFrame(
        [{**row, "simulated": is_simulated(row["feature_space"])} for row in rows], columns=EDGE_COLUMNS
    ).astype({"src": object, "dst": object, "feature_space": object, "weight": float, "simulated": bool})
    order = table.assign(src_text=table["src"].astype(str), dst_text=table["dst"].astype(str))
    order = order.sort_values(["edge_type", "src_type", "src_text", "dst_type", "dst_text", "feature_space"])
    return table.loc[order.index].reset_index(drop=True)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.neighbourhood", description=__doc__)
    parser.add_argument("key", help="a name, identifier, SMILES, gene symbol or key")
    parser.add_argument("--hops", type=int, default=HOPS, help=f"the longest path (default {HOPS})")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"at most this many nodes (default {LIMIT})")
    parser.add_argument(
        "--edge-type",
        action="append",
        type=str.upper,
        choices=[str(edge_type) for edge_type in EdgeType],
        metavar="TYPE",
        help=f"follow this type; may be repeated (default: all of {', '.join(EdgeType)})",
    )
    parser.add_argument("--min-weight", type=float, default=0.0, help="follow edges of at least this weight")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"give up after this time (default {SECONDS:g})")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print nodes and edges as JSON")
    form.add_argument("--csv", action="store_true", help="print the nodes as CSV")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a picture that opens offline")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the neighbourhood, and write its picture if asked to."""
    edge_types = [EdgeType(name) for name in arguments.edge_type] if arguments.edge_type else None
    started = time.perf_counter()
    with opened() as store:
        found = neighbourhood(
            store,
            arguments.key,
            arguments.hops,
            arguments.limit,
            edge_types=edge_types,
            min_weight=arguments.min_weight,
            seconds=arguments.seconds,
        )
    took = time.perf_counter() - started
    if arguments.json:
        say(render.json_text(as_json(found)))
    elif arguments.csv:
        say(render.csv_text(found.nodes))
    else:
        _print(found, took)
    if found.left_out:
        note(f"{found.left_out:,} well-connected nodes were followed in part only (the heaviest edges)")
    if arguments.html:
        with replacing_file(arguments.html) as temporary:
            temporary.write_text(picture.page(found.start.name, found.nodes, found.edges), encoding="utf-8")
        note(f"picture: {arguments.html}")


def as_json(found: Neighbourhood) -> dict[str, Any]:
    """Return a neighbourhood as plain lists and maps."""
    return {
        "start": {"node_type": str(found.start.node_type), "key": found.start.key, "name": found.start.name},
        "nodes": render.records(found.nodes),
        "edges": render.records(found.edges),
        "found": found.found,
        "left_out": found.left_out,
    }


def _print(found: Neighbourhood, took: float) -> None:
    start, nodes = found.start, found.nodes
    shown = nodes.assign(
        type=[
            f"{kind} SIMULATED" if simulated else kind
            for kind, simulated in zip(nodes["node_type"], nodes["simulated"], strict=True)
        ],
        via=[" > ".join(via) for via in nodes["via"]],
    )
    render.print_table(
        f"around {start.name} ({start.node_type} {key_text(start)})",
        shown[["hops", "path_weight", "type", "name", "key", "via", "feature_space"]],
    )
    counts = found.edges["edge_type"].value_counts().sort_index()
    listed = ", ".join(f"{edge_type} {count:,}" for edge_type, count in counts.items()) or "none"
    more = f" of {found.found:,} reached" if found.found > len(nodes) else ""
    say(f"{render.counted(len(nodes), 'node')}{more}; edges among them: {listed}; {took:.1f} s")
    simulated = int(nodes["simulated"].sum())
    if simulated:
        say(f"SIMULATED, not measured: {simulated:,} of these profiles, and the edges computed from them")


if __name__ == "__main__":
    run(main, build_parser())
