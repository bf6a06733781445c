"""What an ingest did, as ``ingest.json`` has it, and as it is told to the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from graphdb.console import print_table, say
from graphdb.files import versions
from graphdb.holdout import HeldOutList
from graphdb.snapshot import Snapshot
from graphdb.sync import SyncReport
from graphdb.workspace import Workspace
from ingest.assemble import Assembled
from ingest.quality.summary import summarise
from ingest.request import Request
from ingest.sources import SOURCES
from ingest.write import reject_counts


def make_report(
    request: Request,
    assembled: Assembled,
    synced: SyncReport,
    snapshot: Snapshot,
    inputs: dict[str, str],
    lists: Sequence[HeldOutList],
    uri: str,
) -> dict[str, Any]:
    """Return what a run did.

    Parameters
    ----------
    request
        What was asked for.
    assembled, synced, snapshot
        What was made, what of it had to be written, and its topology.
    inputs
        SHA-256 of every file that was read, by path.
    lists
        What is held out of pretraining.
    uri
        Of the graph.
    """
    return {
        "sources": {
            name: {
                "path": None if path is None else str(path.resolve()),
                "licence": SOURCES[name].licence,
                "origin": SOURCES[name].origin,
            }
            for name, path in request.plan.items()
        },
        "inputs": inputs,
        "graph": uri,
        "graph_hash": synced.content_hash,
        "snapshot": snapshot.id,
        "nodes": {str(key): count for key, count in assembled.tables.node_counts().items()},
        "edges": {str(key): count for key, count in assembled.tables.edge_counts().items()},
        "feature_spaces": [
            {
                "node_type": str(matrix.node_type),
                "name": matrix.feature_space,
                "rows": len(matrix.keys),
                "columns": len(matrix.columns),
                "simulated": matrix.simulated,
            }
            for matrix in assembled.features
        ],
        "changes": {"added": synced.total_added, "updated": synced.total_updated, "deleted": synced.total_deleted},
        "rejects": reject_counts(assembled.rejects),
        "holdout": [asdict(item) for item in lists],
        "options": request.options.as_dict(),
        "quality": summarise(assembled),
        "versions": versions(),
    }


def tell(report: Mapping[str, Any], workspace: Workspace, *, demo: bool) -> None:
    """Say what a run did."""
    for what in ("nodes", "edges"):
        rows = [(name, count) for name, count in report[what].items() if count]
        print_table(what, ["type", "count"], [*rows, ("all", sum(count for _, count in rows))])
    if report["rejects"]:
        rejects = [
            (row["source"], row["reason"], "mended" if row["kept"] else "left out", row["count"])
            for row in report["rejects"]
        ]
        print_table(f"rejects ({workspace.rejects})", ["source", "reason", "record", "count"], rejects)
    else:
        say("rejects: none")
    work = [
        (stage["name"], f"{stage['seconds']:.1f}", stage["computed"] or "", stage["kept"] or "")
        for stage in report["stages"]
    ]
    if work:
        print_table("stages", ["stage", "seconds", "computed", "known before"], work)
    simulated = [space["name"] for space in report["feature_spaces"] if space["simulated"]]
    if simulated:
        say(f"SIMULATED, not measured: the profiles of {', '.join(simulated)}")
    for item in report["holdout"]:
        say(
            f"held out of pretraining: {item['molecules']:,} molecules of {item['name']} "
            f"({item['structures']:,} structures, file {item['sha256'][:16]})"
        )
    changes = report["changes"]
    if any(changes.values()):
        say(f"graph: {changes['added']:,} added, {changes['updated']:,} updated, {changes['deleted']:,} deleted")
    else:
        say("graph: no change, it already held all of this")
    say(f"graph at {report['graph']}, content hash {report['graph_hash'][:16]}, snapshot {report['snapshot'][:16]}")
    say(f"report {workspace.ingest_page}")
    say(f"workspace {workspace.root}, {report['seconds']:.1f} s")
    if demo:
        say("This is the demo. Real data: python -m ingest.all --replace --source lincs=PATH … (README, 'Real data')")
