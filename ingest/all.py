"""Load the context graph: files → records → nodes, edges and features → graph → snapshot.

``python -m ingest.all [--source NAME[=PATH] …]``; with no source named it loads the demo. The graph is the one that
``NEO4J_URI`` names, else the embedded one. Running it again changes nothing; a run that was killed is finished by the
next.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from graphdb import connect
from graphdb.console import note, print_table, run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_json, versions, write_json
from graphdb.holdout import parse_holdout, write_certificate
from graphdb.meta import read_meta
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.sync import SyncReport, check_sources, sync
from graphdb.workspace import Workspace
from ingest.assemble import Assembled, IngestOptions, assemble
from ingest.edges.rules import EdgeRules
from ingest.features.molecule_graph import featurise
from ingest.holdout import hold_out_lists, read_structures
from ingest.plan import plan_sources, with_earlier_sources
from ingest.quality.page import write_page
from ingest.quality.summary import summarise
from ingest.records import Perturbation, SourceRecords
from ingest.sources import SOURCES
from ingest.sources.profiles import Description, Modality
from ingest.standardise.profiles import Aggregation
from ingest.write import hash_inputs, reject_counts, write_features, write_graphs, write_rejects


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    listed = "\n".join(f"  {source.name:<12} {source.title}" for source in SOURCES.values())
    parser = argparse.ArgumentParser(
        prog="python -m ingest.all",
        description=__doc__,
        epilog=f"sources:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--source", action="append", default=[], metavar="NAME[=PATH]", help="load this; may be repeated"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a sources.toml with the sources to load")
    own = parser.add_argument_group("a laboratory's own profiles (ingest/sources/profiles.py)")
    own.add_argument("--profiles", type=Path, metavar="FILE", help="load this table in pycytominer's form")
    own.add_argument("--feature-space", metavar="NAME", help="name of its feature space, e.g. mylab-2026")
    own.add_argument("--modality", choices=get_args(Modality), default="morphology", help="default: morphology")
    own.add_argument("--perturbation", choices=list(Perturbation), default="compound", help="default: compound")
    own.add_argument(
        "--aggregate",
        choices=(*get_args(Aggregation), "none"),
        default="median",
        help="what wells of one treatment become: one profile, or (none) one each (default: median)",
    )
    held = parser.add_mutually_exclusive_group()
    held.add_argument("--add", action="store_true", help="keep what the graph holds of other sources")
    held.add_argument("--replace", action="store_true", help="remove what the graph holds of other sources")
    parser.add_argument(
        "--gene-profiles",
        choices=("features", "nodes"),
        default="features",
        help="whether a perturbed gene carries its profile (the paper's way) or has profile nodes",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        type=EdgeType,
        choices=list(EdgeType),
        metavar="EDGE_TYPE",
        help=f"leave this edge type out; may be repeated: {', '.join(EdgeType)}",
    )
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--hold-out",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="keep the molecules of this data set out of pretraining (a CSV of SMILES or InChIKeys, a list of either, "
        "or a folder with assays.csv.gz); may be repeated. What an earlier ingest held out stays so",
    )
    held_out.add_argument("--hold-out-none", action="store_true", help="end what an earlier ingest held out")
    parser.add_argument(
        "--edge",
        action="append",
        default=[],
        metavar="EDGE_TYPE:least=X,share=Y",
        help="another criterion than the paper's for a computed edge: the smallest cosine, and the largest share of "
        "all pairs (of CHANGES_EXPRESSION: share=Y, of all values); may be repeated",
    )
    parser.add_argument("--scheduler", metavar="tcp://…", help="a Dask scheduler; default: processes on this machine")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Run the whole ingest and say what it did."""
    started = time.perf_counter()
    workspace = Workspace.default()
    workspace.root.mkdir(parents=True, exist_ok=True)
    plan = plan_sources([*arguments.source, *own_profiles(arguments, workspace)], arguments.config)
    rules = EdgeRules.parse(arguments.edge)
    held_out = _held_out(arguments, workspace)
    for _, path in held_out:
        read_structures(path)  # a fault of it is to be said before the graph is changed
    options = IngestOptions(arguments.gene_profiles, frozenset(arguments.without), arguments.scheduler, rules)
    with connect() as store:
        meta = read_meta(store)
        check_sources(meta, sorted(plan), add=arguments.add, replace=arguments.replace)
        if arguments.add and meta is not None:
            plan = with_earlier_sources(plan, meta.sources, _last_report(workspace))
        records = _read(plan)
        assembled = assemble(records, options, stage=lambda name: note(f"{_clock(started)} {name}"))
        note(f"{_clock(started)} molecule graphs")
        molecules = assembled.tables.nodes[NodeType.MOLECULE]
        graphs = featurise(list(molecules["smiles"]), list(molecules["inchikey"]), scheduler=options.scheduler)
        note(f"{_clock(started)} load into {store.uri}")
        synced = sync(store, assembled.tables, sources=sorted(plan))
        note(f"{_clock(started)} features and snapshot")
        inputs = hash_inputs({name: part.files for name, part in records.items()})
        write_features(workspace, assembled, synced.content_hash, inputs)
        write_graphs(workspace, graphs, synced.content_hash)
        # The load has proved that the graph holds these tables: their hash was computed from what it read back.
        snapshot = Snapshot.from_tables(assembled.tables, synced.content_hash)
        snapshot.save(workspace.snapshot)
        write_rejects(workspace, assembled.rejects)
        report = _report(plan, assembled, synced, snapshot, inputs, store.uri, time.perf_counter() - started)
        note(f"{_clock(started)} report")
        lists = hold_out_lists(held_out, workspace.holdout, molecules["inchikey"])
        write_certificate(workspace.holdout, lists, synced.content_hash)
        report["holdout"] = [
            {**asdict(item), "path": str(path)} for item, (_, path) in zip(lists, held_out, strict=True)
        ]
        report["criteria"] = {"without": sorted(options.without), "edges": rules.as_dict()}
        report["quality"] = summarise(assembled)
        report["seconds"] = round(time.perf_counter() - started, 1)
        write_json(workspace.ingest_report, report)
        write_page(workspace.ingest_page, report)
    _summarise(report, workspace, demo=list(plan) == ["demo"])


def _held_out(arguments: argparse.Namespace, workspace: Workspace) -> list[tuple[str, Path]]:
    """Return name and file of every data set to hold out: the earlier ingest's, and those named now in their place."""
    before = [] if arguments.hold_out_none else (_last_report(workspace) or {}).get("holdout", [])
    data_sets = {item["name"]: Path(item["path"]) for item in before}
    data_sets |= {name: path.resolve() for name, path in map(parse_holdout, arguments.hold_out)}
    for name, path in data_sets.items():
        if not path.is_file():
            raise InputError(
                f"no such file (held out as {name}); give --hold-out {name}=PATH, or --hold-out-none", path=path
            )
    return sorted(data_sets.items())


def own_profiles(arguments: argparse.Namespace, workspace: Workspace) -> list[str]:
    """Write down what ``--profiles`` describes, and return it as an argument of ``--source``."""
    if (arguments.profiles is None) != (arguments.feature_space is None):
        raise InputError("--profiles and --feature-space go together")
    if arguments.profiles is None:
        return []
    described = Description(
        arguments.profiles.expanduser().resolve(),
        arguments.feature_space,
        arguments.modality,
        str(arguments.perturbation),
        arguments.aggregate,
    )
    if not described.path.is_file():
        raise InputError("no such file", path=described.path)
    described.write(workspace.profiles, alone=arguments.replace)
    return [f"profiles={workspace.profiles}"]


def _read(plan: dict[str, Path | None]) -> dict[str, SourceRecords]:
    records = {}
    for name, path in plan.items():
        note(f"read {name}" + (f" from {path}" if path else ""))
        records[name] = SOURCES[name].records(path)
    return records


def _last_report(workspace: Workspace) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = read_json(workspace.ingest_report)
    except ArtefactError:
        return None
    return report


def _report(
    plan: dict[str, Path | None],
    assembled: Assembled,
    synced: SyncReport,
    snapshot: Snapshot,
    inputs: dict[str, str],
    uri: str,
    seconds: float,
) -> dict[str, Any]:
    """Return what the run did, as it is written to ``ingest.json`` and told to the user."""
    return {
        "sources": {
            name: {
                "path": None if path is None else str(path.resolve()),
                "licence": SOURCES[name].licence,
                "origin": SOURCES[name].origin,
            }
            for name, path in plan.items()
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
        "seconds": round(seconds, 1),
        "versions": versions(),
    }


def _summarise(report: dict[str, Any], workspace: Workspace, *, demo: bool) -> None:
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


def _clock(started: float) -> str:
    return f"[{time.perf_counter() - started:6.1f} s]"


if __name__ == "__main__":
    run(main, build_parser())
