"""Load the context graph: files → records → nodes, edges and features → graph → snapshot.

``python -m ingest.all [--source NAME[=PATH] …]``; with no source named it loads the demo. The graph is the one that
``NEO4J_URI`` names, else the embedded one. Running it again changes nothing; a run that was killed is finished by the
next.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from graphdb import connect
from graphdb.bulk_load import require_bulk
from graphdb.console import note, run
from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_json, replacing_file, write_json
from graphdb.meta import read_meta
from graphdb.schema import EdgeType
from graphdb.store import GraphStore
from graphdb.sync import check_sources
from graphdb.workspace import Workspace
from ingest.cached import Cached
from ingest.holdout import data_sets
from ingest.load import load
from ingest.options import chosen_options
from ingest.perturbations import GeneProfiles
from ingest.plan import plan_sources, with_earlier_sources
from ingest.quality.page import write_page
from ingest.records import Perturbation
from ingest.report import tell
from ingest.request import Request, inputs_now, still_in_graph, still_there
from ingest.sources import SOURCES
from ingest.sources.profiles import Description, Modality
from ingest.stages import Stages
from ingest.standardise.molecules import Tautomers
from ingest.standardise.profiles import Aggregation


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
        choices=get_args(GeneProfiles),
        help="whether a perturbed gene carries its profile (features, the paper's way: the default) or has nodes",
    )
    parser.add_argument(
        "--tautomers",
        choices=get_args(Tautomers),
        help="whether a molecule keeps the tautomer that it is drawn in (the default) or gets RDKit's canonical one",
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
    parser.add_argument(
        "--no-cache", action="store_true", help="compute everything again, also what earlier ingests have computed"
    )
    parser.add_argument(
        "--bulk",
        action="store_true",
        help="for a first load into the workspace's own Neo4j: import offline, by files; the server is stopped for it",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Run the whole ingest and say what it did."""
    started = time.perf_counter()
    workspace = Workspace.default()
    workspace.root.mkdir(parents=True, exist_ok=True)
    stages = Stages(lambda name: note(f"[{time.perf_counter() - started:6.1f} s] {name}"))
    last = _last_report(workspace)
    options = chosen_options(arguments, last if arguments.add else None)
    held_out = data_sets(arguments.hold_out, workspace.holdout, none=arguments.hold_out_none)
    with connect() as store, restored_on_error(workspace.profiles):
        plan = plan_sources(
            [*arguments.source, *own_profiles(arguments, workspace)], arguments.config, workspace.downloads
        )
        if arguments.bulk:
            require_bulk(store)
        meta = read_meta(store)
        check_sources(meta, sorted(plan), add=arguments.add, replace=arguments.replace)
        if arguments.add and meta is not None:
            plan = with_earlier_sources(plan, meta.sources, last)
        request = Request(plan, options, held_out)
        report = None if arguments.no_cache else _unchanged(request, store, workspace, last, stages)
        if report is None:
            cached = Cached(workspace.cache, arguments.scheduler)
            if arguments.no_cache:
                cached.clear()
            report = load(request, store, workspace, cached, stages, bulk=arguments.bulk)
        report["stages"] = [asdict(stage) for stage in stages.done]
        report["seconds"] = round(time.perf_counter() - started, 1)
        write_json(workspace.ingest_report, report)
        write_page(workspace.ingest_page, report)
    tell(report, workspace, demo=list(plan) == ["demo"])


def _unchanged(
    request: Request, store: GraphStore, workspace: Workspace, last: dict[str, Any] | None, stages: Stages
) -> dict[str, Any] | None:
    """Return the last ingest's report where this one would do the same again, and nothing was lost since."""
    if last is None:
        return None
    with stages("compare with the last ingest"):
        same = (
            last.get("request") == request.hash(inputs_now(last))
            and still_there(workspace, last)
            and still_in_graph(store, last)
        )
    return {**last, "changes": dict.fromkeys(last["changes"], 0)} if same else None


@contextmanager
def restored_on_error(folder: Path) -> Iterator[None]:
    """Leave the descriptions in a folder as they were where the block fails: a bad table must not be read for ever."""
    before = {file: file.read_bytes() for file in folder.glob("*.toml")}
    try:
        yield
    except BaseException:
        for file in folder.glob("*.toml"):
            if file not in before:
                file.unlink()
        for file, content in before.items():
            with replacing_file(file) as temporary:
                temporary.write_bytes(content)
        raise


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


def _last_report(workspace: Workspace) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = read_json(workspace.ingest_report)
    except ArtefactError:
        return None
    return report


if __name__ == "__main__":
    run(main, build_parser())
