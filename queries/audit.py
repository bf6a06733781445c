"""What is odd in the graph: ``python -m queries.audit``.

Hubs and isolated nodes, identifiers and names that stand on several molecules, profiles without an owner, weights that
are none, and similarity edges that join profiles of one plate far more often than chance (a batch effect).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphdb.console import run
from graphdb.holdout import BLOCK
from graphdb.schema import IDENTIFIER_PROPERTIES, EdgeType, NodeType
from graphdb.store import GraphStore
from queries import resident
from queries.answer import Answer, Section
from queries.graph import opened
from queries.output import add_form_arguments, emit
from queries.relaxation import NodeId
from queries.resident import ResidentGraph

EXAMPLES = 5
HUB = 30.0
"""A hub has more than this many times the edges of the median node of its type, and more than `HUB_EDGES`."""
HUB_EDGES = 200
HUB_DO = "walks pass through them often: learn.pretrain can leave edge types out"
PLATE_RATIO = 3.0
COLUMNS = ["kind", "severity", "what", "count", "examples", "do"]
BATCH_COLUMNS = ["feature_space", "pairs", "one_plate", "expected", "ratio"]
# Both engines unwind lists; what stands on more than one molecule is counted there.
SHARED_IDENTIFIER = {
    name: f"MATCH (m:{NodeType.MOLECULE}) UNWIND m.{name} AS value WITH value, collect(DISTINCT m.inchikey) AS keys "
    "WHERE size(keys) > 1 RETURN value, keys ORDER BY size(keys) DESC, value"
    for name in IDENTIFIER_PROPERTIES.values()
}
SHARED_NAME = (
    f"MATCH (m:{NodeType.MOLECULE}) WHERE m.name IS NOT NULL "
    "WITH toLower(m.name) AS value, collect(DISTINCT m.inchikey) AS keys "
    "WHERE size(keys) > 1 RETURN value, keys ORDER BY size(keys) DESC, value"
)
PLATES = {
    node_type: f"MATCH (p:{node_type}) WHERE p.plate IS NOT NULL RETURN p.profile_id AS key, p.plate AS plate"
    for node_type in (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
}


@dataclass(frozen=True)
class Audit(Answer):
    """What is odd.

    Attributes
    ----------
    findings
        ``kind``, ``severity`` (``note``, ``look``, ``wrong``), ``what``, ``count``, ``examples`` (tuple), ``do``.
    batches
        Of each feature space with plates: similarity edges (``pairs``), how many join profiles of ``one_plate``, how
        many would if pairs were drawn at random (``expected``), and their ``ratio``.
    nodes, edges
        How many were looked at.
    """

    findings: pd.DataFrame
    batches: pd.DataFrame
    nodes: int
    edges: int

    @property
    def title(self) -> str:
        """Of what."""
        return f"Audit of {self.nodes:,} nodes and {self.edges:,} edges"

    def sections(self) -> Sequence[Section]:
        """Return the findings, then the plates."""
        note = "" if len(self.findings) else "Nothing odd."
        plates = "" if len(self.batches) else "No profiles name a plate."
        return [
            Section("findings", "Findings", self.findings, note=note),
            Section("batches", "Similar profiles of one plate", self.batches, note=plates),
        ]


def audit(store: GraphStore) -> Audit:
    """Look through the whole graph. Reads it into memory (see `queries.resident`)."""
    graph = resident.keep(store)
    batches = _batches(store, graph)
    checks: tuple[Callable[[], list[tuple[object, ...]]], ...] = (
        lambda: _weights(graph),
        lambda: _ownerless(graph),
        lambda: _identifiers(store),
        lambda: _hubs(graph),
        lambda: _isolated(graph),
        lambda: _simulated(graph),
        lambda: _plates(batches),
    )
    rows = [row for check in checks for row in check()]
    return Audit(pd.DataFrame(rows, columns=COLUMNS), batches, len(graph.nodes), len(graph.source))


def _degree(graph: ResidentGraph) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.diff(graph.begin)


def _called(graph: ResidentGraph, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{graph.names[place]} ({graph.nodes[place].key})" for place in places[:EXAMPLES])


def _of_type(graph: ResidentGraph, node_type: NodeType) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([place for place, node in enumerate(graph.nodes) if node.node_type is node_type], dtype=np.int64)


def _weights(graph: ResidentGraph) -> list[tuple[object, ...]]:
    wrong = np.flatnonzero(~((graph.weight >= 0) & (graph.weight <= 1)))
    zero = np.flatnonzero(graph.weight == 0)
    rows: list[tuple[object, ...]] = []
    for what, severity, places, do in (
        ("edges with a weight outside [0, 1]", "wrong", wrong, "load the graph again: python -m ingest.all"),
        ("edges of weight 0, which no weighted walk takes", "look", zero, "raise the threshold of their criterion"),
    ):
        if len(places):
            examples = _called(graph, graph.source[places].tolist())
            rows.append(("weight", severity, what, len(places), examples, do))
    return rows


def _ownerless(graph: ResidentGraph) -> list[tuple[object, ...]]:
    owned = np.zeros(len(graph.nodes), dtype=bool)
    has = np.isin(graph.edge_type, [EdgeType.HAS_MORPHOLOGY.code, EdgeType.HAS_EXPRESSION.code])
    owned[graph.target[has]] = True
    rows: list[tuple[object, ...]] = []
    for node_type in (NodeType.MORPHOLOGY, NodeType.EXPRESSION):
        places = [place for place in _of_type(graph, node_type).tolist() if not owned[place]]
        if places:
            what = f"{node_type} profiles that no molecule or gene has"
            do = "their treatment is not in the graph: see the rejects of python -m ingest.all"
            rows.append(("owner", "look", what, len(places), _called(graph, places), do))
    return rows


def _identifiers(store: GraphStore) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name, query in (*SHARED_IDENTIFIER.items(), ("name", SHARED_NAME)):
        # Stereoisomers and salts of one skeleton share a name by right.
        found = [row for row in store.read(query) if len({key[:BLOCK] for key in row["keys"]}) > 1]
        if found:
            examples = tuple(f"{row['value']}: {', '.join(row['keys'][:3])}" for row in found[:EXAMPLES])
            what = f"{name}: values that stand on molecules of different skeletons"
            severity = "look" if name == "name" else "wrong"
            rows.append(("identifier", severity, what, len(found), examples, "compare the structures at the sources"))
    return rows


def _hubs(graph: ResidentGraph) -> list[tuple[object, ...]]:
    degree = _degree(graph)
    rows: list[tuple[object, ...]] = []
    for node_type in NodeType:
        places = _of_type(graph, node_type)
        if not len(places):
            continue
        least = max(HUB * float(np.median(degree[places])), HUB_EDGES)
        hubs = places[degree[places] > least]
        hubs = hubs[np.argsort(-degree[hubs], kind="stable")]
        if len(hubs):
            examples = tuple(f"{graph.names[place]}: {degree[place]:,} edges" for place in hubs[:EXAMPLES].tolist())
            what = f"{node_type} nodes with more than {least:,.0f} edges"
            rows.append(("hub", "note", what, len(hubs), examples, HUB_DO))
    return rows


def _isolated(graph: ResidentGraph) -> list[tuple[object, ...]]:
    degree = _degree(graph)
    rows: list[tuple[object, ...]] = []
    for node_type in NodeType:
        places = _of_type(graph, node_type)
        alone = places[degree[places] == 0]
        if len(alone):
            what = f"{node_type} nodes without any edge, of {len(places):,}"
            rows.append(("isolated", "note", what, len(alone), _called(graph, alone.tolist()), "no walk leaves them"))
    return rows


def _simulated(graph: ResidentGraph) -> list[tuple[object, ...]]:
    places = np.flatnonzero(graph.simulated).tolist()
    if not places:
        return []
    do = "for tests and demonstrations alone"
    return [("simulated", "look", "profiles that no instrument measured", len(places), _called(graph, places), do)]


def _batches(store: GraphStore, graph: ResidentGraph) -> pd.DataFrame:
    plate_of: dict[int, str] = {}
    for node_type, query in PLATES.items():
        for row in store.read(query):
            plate_of[graph.number[NodeId(node_type, row["key"])]] = row["plate"]
    similar = np.isin(graph.edge_type, [EdgeType.SIMILAR_MORPHOLOGY.code, EdgeType.SIMILAR_EXPRESSION.code])
    counts: dict[str, list[int]] = {}
    for edge in np.flatnonzero(similar).tolist():
        one, other = plate_of.get(int(graph.source[edge])), plate_of.get(int(graph.target[edge]))
        if one is not None and other is not None:
            of_space = counts.setdefault(str(graph.spaces[edge]), [0, 0])
            of_space[0] += 1
            of_space[1] += one == other
    rows = []
    for space, (pairs, together) in sorted(counts.items()):
        expected = pairs * _share_of_one_plate(graph, space, plate_of)
        rows.append((space, pairs, together, expected, together / expected if expected else float("nan")))
    return pd.DataFrame(rows, columns=BATCH_COLUMNS)


def _share_of_one_plate(graph: ResidentGraph, space: str, plate_of: dict[int, str]) -> float:
    """Return which share of all pairs of profiles of a space lie on one plate."""
    plates = pd.Series([plate for place, plate in plate_of.items() if graph.feature_space[place] == space])
    sizes = plates.value_counts().to_numpy(dtype=float)
    total = float(len(plates))
    return float((sizes * (sizes - 1)).sum() / (total * (total - 1))) if total > 1 else 0.0


def _plates(batches: pd.DataFrame) -> list[tuple[object, ...]]:
    bound = batches[batches["ratio"] > PLATE_RATIO]
    if not len(bound):
        return []
    examples = tuple(
        f"{space}: {ratio:.1f} times" for space, ratio in zip(bound["feature_space"], bound["ratio"], strict=True)
    )
    what = "feature spaces whose similar profiles share a plate more often than chance"
    do = "correct for batches before loading, or compare across plates only (the ingest report has more)"
    return [("plate", "look", what, len(bound), examples[:EXAMPLES], do)]


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.audit", description=__doc__)
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the findings."""
    started = time.perf_counter()
    with opened() as store:
        found = audit(store)
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
