"""Curated edges: link tables of all sources → one edge a pair and edge type, which remembers its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphdb.schema import ANNOTATED, EDGES, EdgeType, NodeType
from graphdb.tables import EdgeKind
from ingest.grouping import bounds, lists
from ingest.records import GENE_NAMESPACES, LinkTable, rejects_table
from ingest.references import Resolver


@dataclass(frozen=True)
class Links:
    """Curated edges with resolved end points.

    Attributes
    ----------
    edges
        Per edge kind: ``src``, ``dst``, ``weight`` (1.0), ``sources`` (sorted list), one row an edge.
    used
        Columns ``node_type``, ``key``, ``source``: which source refers to which node.
    rejects
        Links with an end point that is unknown, and self loops.
    """

    edges: Mapping[EdgeKind, pd.DataFrame]
    used: pd.DataFrame
    rejects: pd.DataFrame


def resolve_links(tables: Sequence[LinkTable], resolver: Resolver) -> Links:
    """Resolve both ends of every link; merge equal links of several sources to one edge of weight 1."""
    resolved: dict[EdgeKind, list[pd.DataFrame]] = {}
    rejects = [rejects_table("", "", [], [], [])]
    used = [pd.DataFrame({"node_type": [], "key": [], "source": []}, dtype=object)]
    for table in tables:
        for kind, rows in _by_kind(table):
            source = resolver.resolve(rows["src_namespace"], rows["src_value"])
            target = resolver.resolve(rows["dst_namespace"], rows["dst_value"])
            reason = source["reason"].where(source["reason"].notna(), target["reason"])
            loops = reason.isna() & (kind.source == kind.target) & (source["key"] == target["key"])
            reason = reason.where(~loops, "an edge from a node to itself")
            bad = reason.notna().to_numpy()
            ends = rows["src_value"].astype(str) + " - " + rows["dst_value"].astype(str)
            rejects.append(rejects_table(table.source, table.path, rows["line"][bad], ends[bad], reason[bad]))
            edges = pd.DataFrame({"src": source["key"][~bad], "dst": target["key"][~bad]})
            if EDGES[kind.edge_type].symmetric and kind.source == kind.target:
                edges = ordered_pairs(edges)
            resolved.setdefault(kind, []).append(edges.assign(source=table.source))
            used += [
                pd.DataFrame({"node_type": node_type, "key": edges[end], "source": table.source})
                for node_type, end in ((kind.source, "src"), (kind.target, "dst"))
            ]
    edges_by_kind = {kind: merge_sources(pd.concat(parts)) for kind, parts in resolved.items()}
    return Links(
        edges={kind: edges for kind, edges in edges_by_kind.items() if len(edges)},
        used=pd.concat(used, ignore_index=True).drop_duplicates(ignore_index=True),
        rejects=pd.concat([part for part in rejects if len(part)] or rejects, ignore_index=True),
    )


def ordered_pairs(edges: pd.DataFrame) -> pd.DataFrame:
    """Return `edges` with the smaller key as ``src``: how a symmetric edge is stored, once."""
    swap = (edges["src"] > edges["dst"]).to_numpy(bool)
    source, target = edges["src"].to_numpy(object), edges["dst"].to_numpy(object)
    return edges.assign(src=np.where(swap, target, source), dst=np.where(swap, source, target))


def merge_sources(edges: pd.DataFrame, criterion: str = ANNOTATED) -> pd.DataFrame:
    """Return one row a (``src``, ``dst``) with the sorted list of its sources and weight 1, sorted by end points."""
    distinct = edges.drop_duplicates(["src", "dst", "source"]).sort_values(["src", "dst", "source"])
    groups = bounds(distinct["src"], distinct["dst"])
    first = distinct.iloc[[rows.start for rows in groups]]
    merged = pd.DataFrame({"src": first["src"].to_numpy(object), "dst": first["dst"].to_numpy(object)})
    merged["sources"] = lists(distinct["source"], groups)
    return merged.assign(weight=1.0, criterion=criterion)


def _by_kind(table: LinkTable) -> list[tuple[EdgeKind, pd.DataFrame]]:
    """Split a link table by the node types that its namespaces stand for."""
    allowed = EDGES[table.edge_type].endpoints
    source = _node_types(table.table["src_namespace"], [pair[0] for pair in allowed])
    target = _node_types(table.table["dst_namespace"], [pair[1] for pair in allowed])
    groups = []
    for first, second in allowed:
        rows = table.table[(source == first).to_numpy() & (target == second).to_numpy()]
        if len(rows):
            groups.append((EdgeKind(EdgeType(table.edge_type), first, second), rows.reset_index(drop=True)))
    return groups


def _node_types(namespaces: pd.Series, allowed: Sequence[NodeType]) -> pd.Series:
    is_gene = namespaces.isin(GENE_NAMESPACES)
    found = pd.Series(np.where(is_gene, NodeType.GENE, NodeType.MOLECULE), index=namespaces.index, dtype=object)
    wrong = ~found.isin(allowed)
    if wrong.any():
        raise ValueError(f"namespace {namespaces[wrong].iloc[0]!r} cannot be at this end of the edge type")
    return found
