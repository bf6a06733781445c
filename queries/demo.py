"""The main job from end to end on the demo data, command by command; ``make demo`` runs this.

Each command is printed before it runs, so that it can be repeated by hand. At the end stands what was made.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphdb import connect
from graphdb.console import print_table, run, say
from graphdb.errors import InfoAlignError
from graphdb.files import read_json
from graphdb.walks.shards import ShardReader
from graphdb.workspace import Workspace
from queries.before_after import Embeddings, share_with_common_target, side_by_side, targets
from queries.resolve import resolve

DRUG = "imatinib"
NEIGHBOURS = 5
EPOCHS = 24
RUN = "demo"
CHECKPOINT, INITIAL = "checkpoint.pt", "initial.pt"


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.demo", description=__doc__)
    parser.add_argument("--drug", default=DRUG, help=f"whose neighbours are shown (default {DRUG})")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of the pretraining (default {EPOCHS})")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Run the commands and sum up."""
    began = time.perf_counter()
    workspace = Workspace.default()
    picture = workspace.root / f"{arguments.drug}.html"
    checkpoint, epochs = workspace.runs / RUN / CHECKPOINT, str(arguments.epochs)
    commands = (
        ("ingest.all", "--source", "demo"),
        ("graphdb.walks", "export", "--epochs", epochs),
        ("learn.pretrain", "--quick", "--epochs", epochs, "--run", RUN),
        ("learn.encode", "--graph", "--publish", "--checkpoint", str(checkpoint)),
        ("queries.neighbourhood", arguments.drug, "--limit", "15", "--html", str(picture)),
    )
    for command in commands:
        _run(command)
    say(f"\n{'=' * 20} what was made {'=' * 20}")
    _summarise(workspace, arguments.drug)
    say(f"\n{time.perf_counter() - began:.0f} s in all. A picture of the neighbourhood: {picture}")
    say("To look further (docs/cypher.md has forty queries):")
    say(f"  {Path(sys.executable)} -m queries.neighbourhood {arguments.drug}")
    query = "MATCH (m:Molecule)-[:TARGETS]->(g:Gene {symbol: 'ABL1'}) RETURN m.name"
    say(f"  {Path(sys.executable)} -m queries.cypher {shlex.quote(query)}")
    say(f"  {Path(sys.executable)} -m graphdb.server stop        # the graph goes on running until then")


def _run(command: Sequence[str]) -> None:
    say(f"\n$ python -m {shlex.join(command)}")
    result = subprocess.run([sys.executable, "-m", *command], check=False)
    if result.returncode:
        raise InfoAlignError(f"python -m {command[0]} ended with status {result.returncode}")


def _summarise(workspace: Workspace, drug: str) -> None:
    ingest = read_json(workspace.ingest_report)
    training = read_json(workspace.runs / RUN / "run.json")
    reader = ShardReader(workspace.shards)
    nodes = ", ".join(f"{name} {count:,}" for name, count in ingest["nodes"].items() if count)
    edges = ", ".join(f"{name} {count:,}" for name, count in ingest["edges"].items() if count)
    rejected = sum(row["count"] for row in ingest["rejects"] if not row["kept"])
    simulated = sorted({space["name"] for space in ingest["feature_spaces"] if space["simulated"]})
    print_table(
        "demo",
        ["what", "is"],
        [
            ("nodes", nodes),
            ("edges", edges),
            ("rejects", f"{rejected:,} records left out, each with line and reason in {workspace.rejects}"),
            ("walks", f"{reader.epochs} x {reader.number_of_walks:,} of up to {reader.config.length} steps"),
            ("loss", f"{training['loss_first_epoch']:.3f} (first epoch) -> {training['loss_last_epoch']:.3f} (last)"),
            ("checkpoint", str(workspace.runs / RUN / CHECKPOINT)),
            ("SIMULATED", f"no instrument measured the profiles of {', '.join(simulated)}"),
        ],
    )
    before, after = _embeddings(workspace)
    with connect(read_only=True) as store:
        rows = side_by_side(store, before, after, str(resolve(store, drug).key), NEIGHBOURS)
        known = targets(store)
    print_table(
        f"the {NEIGHBOURS} molecules nearest to {drug} by embedding (* shares a target)",
        ["before pretraining", "cosine", "after pretraining", "cosine"],
        rows,
    )
    was, now = (share_with_common_target(embeddings, known, NEIGHBOURS) for embeddings in (before, after))
    say(
        f"Of the {NEIGHBOURS} molecules nearest to each of the {len(known)} drugs with a known target, "
        f"{100 * was:.1f} % shared one before pretraining and {100 * now:.1f} % do after (targets were in the graph)."
    )


def _embeddings(workspace: Workspace) -> tuple[Embeddings, Embeddings]:
    """Return those of the untrained encoder and those of the trained one."""
    # PyTorch is loaded here: the commands before this ran in processes of their own.
    from graphdb.molecule_graphs import MoleculeGraphs
    from learn.checkpoint import load
    from learn.encode import embed_graphs, read_embeddings

    graphs = MoleculeGraphs.load(workspace.molecule_graphs)
    untrained = load(workspace.runs / RUN / INITIAL).encoder()
    keys, vectors, _ = read_embeddings(workspace.embeddings)
    return Embeddings(np.asarray(graphs.keys, dtype=object), embed_graphs(untrained, graphs)), Embeddings(keys, vectors)


if __name__ == "__main__":
    run(main, build_parser())
