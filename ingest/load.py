"""One ingest: read the sources, assemble the graph, load it, and write what training needs of it."""

from __future__ import annotations

from typing import Any

from graphdb.bulk_load import bulk_load
from graphdb.console import note
from graphdb.files import sha256
from graphdb.holdout import write_certificate
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.sync import sync
from graphdb.workspace import Workspace
from ingest.assemble import assemble
from ingest.cached import Cached
from ingest.holdout import hold_out_lists, with_earlier
from ingest.parallel import shared_workers
from ingest.plan import Plan
from ingest.records import SourceRecords
from ingest.report import make_report
from ingest.request import Request
from ingest.sources import SOURCES
from ingest.stages import Stages
from ingest.write import hash_inputs, write_features, write_graphs, write_rejects


def load(
    request: Request, store: GraphStore, workspace: Workspace, cached: Cached, stages: Stages, *, bulk: bool = False
) -> dict[str, Any]:
    """Make the graph what is asked for, write the workspace, and return the report.

    `bulk` fills an empty Neo4j by its offline importer; the graph is the same.
    """
    with stages("read"):
        records = _read(request.plan)
        inputs = hash_inputs({name: part.files for name, part in records.items()})
    with shared_workers():
        assembled = assemble(records, request.options, cached=cached, stages=stages)
        del records
        molecules = assembled.tables.nodes[NodeType.MOLECULE]
        with stages("molecule graphs") as stage:
            graphs, stage.computed = cached.graphs(list(molecules["smiles"]), list(molecules["inchikey"]))
            stage.kept = len(graphs) - stage.computed
        with stages("held-out molecules"):
            lists = hold_out_lists(request.held_out, workspace.holdout, molecules["inchikey"])
            # Before the snapshot is there: killed in between, walks on it must not meet these molecules.
            write_certificate(workspace.holdout, with_earlier(lists, workspace.holdout), "")
    with stages(f"load into {store.uri}"):
        synced = (bulk_load if bulk else sync)(store, assembled.tables, sources=sorted(request.plan))
    with stages("features and snapshot"):
        write_features(workspace, assembled, synced.content_hash, inputs, request.options.tautomers)
        write_graphs(workspace, graphs, synced.content_hash)
        # The load has proved that the graph holds these tables: their hash was computed from what it read back.
        snapshot = Snapshot.from_tables(assembled.tables, synced.content_hash)
        snapshot.save(workspace.snapshot)
        write_rejects(workspace, assembled.rejects)
        write_certificate(workspace.holdout, lists, synced.content_hash)
    with stages("report"):
        report = make_report(request, assembled, synced, snapshot, inputs, lists, store.uri)
        report["request"] = request.hash(inputs)
        report["rejects_sha256"] = sha256(workspace.rejects)
    return report


def _read(plan: Plan) -> dict[str, SourceRecords]:
    records = {}
    for name, path in plan.items():
        note(f"read {name}" + (f" from {path}" if path else ""))
        records[name] = SOURCES[name].records(path)
    return records
