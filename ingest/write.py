"""What an ingest leaves in the workspace: feature store, molecule graphs, rejects, report. Each is replaced whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from graphdb.feature_store import FeatureStoreWriter
from graphdb.files import replacing_file, sha256
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from graphdb.workspace import Workspace
from ingest.assemble import Assembled
from ingest.features.fingerprints import RADIUS, SIZE
from ingest.records import REJECT_COLUMNS
from ingest.standardise.molecules import Tautomers


def write_features(
    workspace: Workspace, assembled: Assembled, graph_hash: str, inputs: dict[str, str], tautomers: Tautomers
) -> None:
    """Write every feature matrix, with the hash of the graph that its rows are nodes of.

    The manifest says also what tautomers the molecules have, since a molecule that is encoded later needs the same.
    """
    molecules = assembled.tables.nodes.get(NodeType.MOLECULE, pd.DataFrame({"inchikey": []}))
    with FeatureStoreWriter(workspace.features) as writer:
        writer.add_binary(
            NodeType.MOLECULE,
            FINGERPRINT_SPACE,
            molecules["inchikey"].to_numpy(str),
            [f"bit_{bit}" for bit in range(SIZE)],
            assembled.fingerprints,
        )
        for matrix in assembled.features:
            writer.add(
                matrix.node_type,
                matrix.feature_space,
                matrix.keys.astype(str),
                matrix.columns,
                matrix.values,
                simulated=matrix.simulated,
                batches=None if matrix.batches is None else matrix.batches.astype(str),
            )
        made = {"fingerprint": {"radius": RADIUS, "bits": SIZE}, "standardise": {"tautomers": tautomers}}
        writer.finish({"graph_hash": graph_hash, "inputs": inputs, **made})


def write_graphs(workspace: Workspace, graphs: MoleculeGraphs, graph_hash: str) -> None:
    """Write the molecule graphs as packed arrays."""
    graphs.save(workspace.molecule_graphs, graph_hash=graph_hash)


def write_rejects(workspace: Workspace, rejects: pd.DataFrame) -> None:
    """Write ``rejects.parquet``; an empty table is written too, so that an old one cannot be taken for this run's."""
    typed = rejects[list(REJECT_COLUMNS)].astype({"line": "int64", "kept": "bool"})
    with replacing_file(workspace.rejects) as temporary:
        typed.to_parquet(temporary, index=False)


def hash_inputs(files: dict[str, tuple[Path, ...]]) -> dict[str, str]:
    """Return the SHA-256 of every file that was read, by path."""
    return {str(path): sha256(path) for paths in files.values() for path in paths if path.is_file()}


def reject_counts(rejects: pd.DataFrame) -> list[dict[str, Any]]:
    """Count rejects by source, kind of reason and whether the record was mended; the most frequent first.

    What follows the first colon of a reason names the item, so it is left out of the count.
    """
    if rejects.empty:
        return []
    kinds = rejects.assign(reason=rejects["reason"].astype(str).map(reason_kind))
    counts = kinds.groupby(["source", "reason", "kept"]).size().rename("count").reset_index()
    counts = counts.sort_values(["count", "source", "reason"], ascending=[False, True, True])
    return [
        {"source": row["source"], "reason": row["reason"], "kept": bool(row["kept"]), "count": int(row["count"])}
        for row in counts.to_dict("records")
    ]


def reason_kind(reason: str) -> str:
    """Return a reason without the item that it names: the text before the first colon or quoted name."""
    head = reason.split(": ", maxsplit=1)[0]
    if head.startswith("no structure for "):
        return " ".join(head.split()[:4])
    return head.split(" '", maxsplit=1)[0]
