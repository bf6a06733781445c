"""What an ingest is asked for, and whether it would do again what the last one did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import graphdb
import ingest
from graphdb import molecule_graphs
from graphdb.content import content_hash
from graphdb.errors import ArtefactError
from graphdb.export import stored_tables
from graphdb.feature_store import FeatureStore
from graphdb.files import read_manifest, sha256, versions
from graphdb.holdout import read_certificate
from graphdb.meta import GraphMeta, read_meta
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from ingest.holdout import DataSet
from ingest.options import IngestOptions
from ingest.plan import Plan


@dataclass(frozen=True)
class Request:
    """What an ingest is asked for.

    Attributes
    ----------
    plan
        Sources and where they lie.
    options
        What to make of them.
    held_out
        Data sets to keep out of pretraining.
    """

    plan: Plan
    options: IngestOptions
    held_out: Sequence[DataSet]

    def hash(self, inputs: Mapping[str, str]) -> str:
        """Return a hash of all that the result depends on; `inputs` are the SHA-256 of the files read, by path.

        A source's list of files counts as well: one that was not there before may be read now.
        """
        said = {
            "plan": {
                name: None if path is None else [str(path.resolve()), _listed(path)] for name, path in self.plan.items()
            },
            "inputs": dict(inputs),
            "options": self.options.as_dict(),
            "held_out": [[item.name, item.sha256] for item in self.held_out],
            "code": _code(),
            "versions": versions(),
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def inputs_now(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of the files that the last ingest read, as they are now; without those that are gone."""
    paths = [Path(path) for path in report.get("inputs", {})]
    return {str(path): sha256(path) for path in paths if path.is_file()}


def still_there(workspace: Workspace, report: Mapping[str, Any]) -> bool:
    """Return whether the workspace holds, undamaged, all that the ingest of this report wrote."""
    graph_hash = report["graph_hash"]
    try:
        made_for = {
            Snapshot.load(workspace.snapshot).graph_hash,
            FeatureStore.open(workspace.features, verify=True).graph_hash,
            read_manifest(workspace.molecule_graphs, molecule_graphs.KIND, made_by=molecule_graphs.MADE_BY)[
                "graph_hash"
            ],
        }
        molecule_graphs.MoleculeGraphs.load(workspace.molecule_graphs)
        certified = [asdict(item) for item in read_certificate(workspace.holdout)]
    except (ArtefactError, KeyError):
        return False
    rejects = workspace.rejects
    return (
        made_for == {graph_hash}
        and certified == report.get("holdout")
        and rejects.is_file()
        and sha256(rejects) == report.get("rejects_sha256")
        and workspace.ingest_page.is_file()
    )


def still_in_graph(store: GraphStore, report: Mapping[str, Any]) -> bool:
    """Return whether the graph, read back, is what the ingest of this report left."""
    meta = read_meta(store)
    if meta != GraphMeta(tuple(sorted(report["sources"])), "complete", report["graph_hash"]):
        return False
    store.ensure_schema()
    return content_hash(stored_tables(store)) == str(report["graph_hash"])


def _listed(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []


@cache
def _code() -> str:
    """Return a hash of the source code of ingest and graphdb."""
    digest = hashlib.sha256()
    for package in (graphdb, ingest):
        root = Path(str(package.__file__)).parent
        for file in sorted([*root.rglob("*.py"), *root.rglob("*.j2")]):
            digest.update(f"{file.relative_to(root)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
