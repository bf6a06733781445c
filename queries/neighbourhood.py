"""What lies around a molecule, a gene or a profile.

``python -m queries.neighbourhood aspirin`` takes a name, an identifier, a SMILES, a gene symbol or a key. The nearest
nodes come first; within a hop the kinds of paths take turns, the heaviest paths of each kind first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from markupsafe import Markup

from graphdb.console import note, run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file
from graphdb.schema import EdgeType
from graphdb.store import GraphStore
from queries import picture, render
from queries.answer import Answer, Section
from queries.edge_arguments import add_edge_arguments, edge_types_of
from queries.edge_reader import SECONDS, reader_of
from queries.graph import opened
from queries.names import Node
from queries.output import add_form_arguments
from queries.relaxation import NodeId, Reached, choose, heaviest_paths
from queries.resolve import key_text, resolve

HOPS = 2
LIMIT = 50

WIDTH = 300
"""Nodes expanded in one hop, those with the heaviest paths."""

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
class Neighbourhood(Answer):
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

    @property
    def title(self) -> str:
        """What the neighbourhood is of."""
        return f"Around {self.start.name} ({self.start.node_type} {key_text(self.start)})"

    def sections(self) -> list[Section]:
        """Return the nodes, with a picture, and the edges among them."""
        counts = self.edges["edge_type"].value_counts().sort_index()
        listed = ", ".join(f"{edge_type} {count:,}" for edge_type, count in counts.items()) or "none"
        more = f" of {self.found:,} reached" if self.found > len(self.nodes) else ""
        return [
            Section(
                "nodes",
                "Nodes",
                self.nodes,
                # Written by queries.picture, which escapes what comes from the graph.
                Markup(picture.drawing(self.nodes, self.edges)),  # noqa: S704
                f"{render.counted(len(self.nodes), 'node')}{more}; edges among them: {listed}",
            ),
            Section("edges", "Edges", self.edges),
        ]

    def warnings(self) -> list[str]:
        """Return what is simulated, and what was followed in part only."""
        simulated = int(self.nodes["simulated"].sum())
        found = []
        if simulated:
            found.append(f"SIMULATED, not measured: {simulated:,} of these profiles, and the edges computed from them")
        if self.left_out:
            found.append(
                f"{render.counted(self.left_out, 'well-connected node')} followed in part only (the heaviest edges)"
            )
        return found

    def to_networkx(self) -> nx.MultiDiGraph:
        """Return the nodes (named by ``(node_type, key)``) and edges, with their columns as attributes."""
        graph = nx.MultiDiGraph()
        for node in self.nodes.to_dict("records"):
            graph.add_node((node["node_type"], node["key"]), **{str(name): value for name, value in node.items()})
        for edge in self.edges.to_dict("records"):
            graph.add_edge(
                (edge["src_type"], edge["src"]),
                (edge["dst_type"], edge["dst"]),
                key=(edge["edge_type"], edge["feature_space"]),
                **{str(name): value for name, value in edge.items()},
            )
        return graph


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
        At most this many nodes, the start included; `queries.relaxation.choose` says which.
    edge_types
        Follow and return these only; None: all.
    min_weight
        Follow and return only edges of at least this weight.
    seconds
        Give up after this time. Work is bounded besides: a hop expands at most `WIDTH` nodes, and follows at most
        `queries.edge_reader.FAN` edges of a node and type.

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
    reader = reader_of(store, edge_types, min_weight, seconds)
    start = resolve(store, str(key))
    start_id = NodeId(start.node_type, start.key)
    reached, not_expanded = heaviest_paths(start_id, reader.steps, hops=hops, width=WIDTH)
    chosen = choose(reached, limit)
    described = reader.described(chosen)
    return Neighbourhood(
        start,
        _node_table([(described[node], reached[node]) for node in chosen]),
        _edge_table(reader.edges_among(chosen), reader.simulated_spaces),
        found=len(reached),
        left_out=not_expanded + reader.hubs,
    )


def edges_between(
    store: GraphStore,
    nodes: Sequence[NodeId],
    *,
    edge_types: Sequence[EdgeType] | None = None,
    min_weight: float = 0.0,
    seconds: float = SECONDS,
) -> pd.DataFrame:
    """Return the edges with both ends among some nodes, as `Neighbourhood.edges`; see `neighbourhood` for the rest."""
    reader = reader_of(store, edge_types, min_weight, seconds)
    return _edge_table(reader.edges_among(nodes), reader.simulated_spaces)


def _node_table(rows: Sequence[tuple[Node, Reached]]) -> pd.DataFrame:
    return _table(
        NODE_COLUMNS,
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
        {"key": object, "hops": int, "path_weight": float, "via": object, "simulated": bool, "feature_space": object},
    )


def _edge_table(rows: Sequence[dict[str, Any]], simulated_spaces: Callable[[], set[str]]) -> pd.DataFrame:
    simulated = simulated_spaces() if any(row["feature_space"] is not None for row in rows) else set()

    def is_simulated(space: str | None) -> bool:
        # Genes carry profiles in spaces named after those of the compounds: SPACE-crispr, SPACE-orf.
        return space is not None and (space in simulated or space.rpartition("-")[0] in simulated)

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        space = row["feature_space"]
        ends = (row["src_type"], str(row["src"]), row["dst_type"], str(row["dst"]))
        return row["edge_type"], *ends, space is None, space or ""

    return _table(
        EDGE_COLUMNS,
        [
            tuple({**row, "simulated": is_simulated(row["feature_space"])}[name] for name in EDGE_COLUMNS)
            for row in sorted(rows, key=place)
        ],
        {"src": object, "dst": object, "weight": float, "sources": object, "feature_space": object, "simulated": bool},
    )


def _table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]], dtypes: Mapping[str, type]) -> pd.DataFrame:
    """Return rows as a table; the columns that `dtypes` does not name are texts.

    Column by column: pandas takes several times as long to find out of rows what they hold.
    """
    cells = zip(*rows, strict=True) if rows else ((),) * len(columns)
    return pd.DataFrame(
        {
            name: pd.Series(np.fromiter(column, dtypes.get(name, object), len(rows)), dtype=dtypes.get(name, str))
            for name, column in zip(columns, cells, strict=True)
        },
        copy=False,
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.neighbourhood", description=__doc__)
    parser.add_argument("key", help="a name, identifier, SMILES, gene symbol or key")
    parser.add_argument("--hops", type=int, default=HOPS, help=f"the longest path (default {HOPS})")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"at most this many nodes (default {LIMIT})")
    add_edge_arguments(parser)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"give up after this time (default {SECONDS:g})")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the neighbourhood, and write its picture if asked to."""
    started = time.perf_counter()
    with opened() as store:
        found = neighbourhood(
            store,
            arguments.key,
            arguments.hops,
            arguments.limit,
            edge_types=edge_types_of(arguments),
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
