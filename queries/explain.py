"""What makes an embedding what it is: ``python -m queries.explain Simvastatin``.

Walks from the molecule are sampled as pretraining samples them. Every node on them asks, through the decoder of each
feature space that it has, that the embedding rebuild its features (`learn.attribution`): which decoders pull most,
which nodes, and along which walks?
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.console import run
from graphdb.errors import InputError
from graphdb.holdout import key_file, molecules_with, read_blocks
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.walks import Walks, sample
from graphdb.walks.explain import Position
from graphdb.walks.explain import explain as positions_of
from graphdb.workspace import Workspace
from queries import render
from queries.answer import Answer, Section
from queries.graph import opened
from queries.molecule_query import Query, find_query
from queries.output import add_form_arguments, emit
from queries.profile_search import features_of

if TYPE_CHECKING:
    from learn.checkpoint import Checkpoint

WALKS = 200
TOP = 15
REFERENCE = 2_048
"""Other molecules whose walks say how much weight a batch has in each feature space."""
WALK_COLUMNS = ["walk", "times", "path_weight", "pull"]


@dataclass(frozen=True)
class Explanation(Answer):
    """What pulls a molecule's embedding.

    Attributes
    ----------
    query
        The molecule.
    decoders
        See `learn.attribution.Attribution`.
    nodes
        One row a node and feature space, as `learn.attribution.Attribution.terms`, with ``name``.
    walks
        Distinct walks, those along which most is pulled first: ``walk`` (names, and edge types between them),
        ``times`` (how often it was taken), ``path_weight`` (of its last step), ``pull`` (sum over its positions after
        the start: each node's pull by its share of the node's weight).
    sampled
        How many walks were sampled.
    net
        Length of the sum of all gradients.
    simulated
        Feature spaces that no instrument measured.
    held_out
        Data sets for which the molecule was held out of pretraining: what pulls it taught the encoder nothing.
    """

    query: Query
    decoders: pd.DataFrame
    nodes: pd.DataFrame
    walks: pd.DataFrame
    sampled: int
    net: float
    simulated: tuple[str, ...]
    held_out: tuple[str, ...] = ()
    top: int = TOP

    @property
    def title(self) -> str:
        """What was asked."""
        return f"What pulls the embedding of {self.query.name}"

    def sections(self) -> Sequence[Section]:
        """Return decoders, nodes, and walks."""
        pull = "Pull: length of the gradient at the embedding; agreement: its cosine with the sum of all pulls"
        alone = "No walk leaves this molecule: it has no edge, and its own features alone teach it."
        return [
            Section("decoders", "Decoders", self.decoders, note=f"{pull}, of length {self.net:.3g}."),
            Section("nodes", "Nodes that pull most", self.nodes.drop(columns="node").head(self.top)),
            Section(
                "walks",
                "Walks along which most is pulled",
                self.walks.head(self.top),
                note=f"Of {render.counted(self.sampled, 'sampled walk')}." if len(self.walks) else alone,
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return every node and walk, not the top ones alone."""
        rows = {"nodes": render.records(self.nodes.drop(columns="node")), "walks": render.records(self.walks)}
        return {**super().as_json(), **rows}

    def warnings(self) -> Sequence[str]:
        """Return which spaces are simulated, and whether the encoder ever walked from the molecule."""
        found = [f"SIMULATED, not measured: {', '.join(self.simulated)}"] if self.simulated else []
        if self.held_out:
            data_sets = ", ".join(self.held_out)
            found.append(f"held out of pretraining for {data_sets}: the encoder was taught along none of these walks")
        return found


def explain(
    store: GraphStore, key: str, *, walks: int = WALKS, top: int = TOP, seed: int = 0, checkpoint: Path | None = None
) -> Explanation:
    """Return which decoders, nodes and walks pull a molecule's embedding.

    Parameters
    ----------
    store
        The graph.
    key
        A molecule of the graph, as `queries.similar.similar` takes it.
    walks
        How many walks are sampled, with the settings that the model was trained with. As in training, none touches a
        molecule that was held out of it, unless `key` is one itself.
    top
        Nodes and walks that are shown.
    seed
        Of the walks.
    checkpoint
        Default: that of the newest run.

    Raises
    ------
    InputError
        If `key` is no molecule of the workspace's snapshot, or a number is too small.
    ArtefactError
        If the workspace has no checkpoint with decoders, snapshot or features, or they are of another graph.
    """
    # PyTorch takes seconds to import.
    from learn.attribution import attribute
    from learn.checkpoint import load
    from learn.encode import encode
    from learn.runs import newest_checkpoint

    if walks < 1 or top < 1:
        raise InputError(f"expected at least one walk and one row, got {walks} and {top}")
    query = find_query(store, key)
    workspace = Workspace.default()
    snapshot = Snapshot.load(workspace.snapshot)
    start = walk_start(snapshot, query)
    features = features_of(store)
    model = load(checkpoint or newest_checkpoint(workspace))
    settings = model.config.walks
    held_out = held_out_of(model, snapshot, workspace.holdout)
    unseen = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *held_out.values()]))
    trained = snapshot.without(unseen) if len(unseen) else snapshot
    own = [name for name, nodes in held_out.items() if start[0] in nodes]
    taken = sample(snapshot if own else trained, start, replace(settings, walks_per_node=walks, seed=seed))
    molecules = np.setdiff1d(snapshot.nodes(NodeType.MOLECULE), unseen)
    others = np.random.default_rng(seed).choice(molecules, REFERENCE).astype(np.int32)
    reference = sample(trained, others, replace(settings, walks_per_node=1, seed=seed))
    found = attribute(model, encode([query.smiles], model.as_trained())[0], features, snapshot, taken, reference)
    distinct, times = _distinct(taken)
    explained = positions_of(store, snapshot, distinct, features.spaces(), settings.edge_types or tuple(EdgeType))
    nodes = _named(found.terms, distinct, explained)
    spaces = set(nodes["space"])
    simulated = {space.name for space in features.spaces() if space.simulated} | set(model.simulated)
    return Explanation(
        query,
        found.decoders,
        nodes,
        _walk_table(found.terms, distinct, times, explained),
        walks,
        found.net,
        tuple(sorted(spaces & simulated)),
        tuple(own),
        top,
    )


def walk_start(snapshot: Snapshot, query: Query) -> npt.NDArray[np.int32]:
    """Return the node of a snapshot at which walks from a molecule begin, (1,); `InputError` if it is not there."""
    found = np.flatnonzero(snapshot.keys == query.inchikey)
    if not len(found):
        raise InputError(f"{query.name!r} is not in the workspace's snapshot; walks begin at molecules of the graph")
    return found[:1].astype(np.int32)


def held_out_of(model: Checkpoint, snapshot: Snapshot, folder: Path) -> dict[str, npt.NDArray[np.int64]]:
    """Return the molecule nodes that a model's pretraining left out, by data set; `folder`: of the key files.

    A data set whose key file is not there (a model from another workspace) is passed over.
    """
    files = {item.name: key_file(folder, item.sha256) for item in model.holdout}
    return {name: molecules_with(snapshot, read_blocks(file)) for name, file in files.items() if file.is_file()}


def _distinct(walks: Walks) -> tuple[Walks, npt.NDArray[np.int64]]:
    """Return the walks that differ, and how often each was taken."""
    _, first, times = np.unique(walks.nodes, axis=0, return_index=True, return_counts=True)
    return Walks(walks.nodes[first], walks.path_weights[first]), times


def _named(terms: pd.DataFrame, walks: Walks, explained: Sequence[Sequence[Position]]) -> pd.DataFrame:
    names = {
        int(node): position.name
        for row, positions in zip(walks.nodes, explained, strict=True)
        for node, position in zip(row[: len(positions)], positions, strict=True)
    }
    named = terms.assign(name=[names[int(node)] for node in terms["node"]])
    return named[["name", *terms.columns]]


def _walk_table(
    terms: pd.DataFrame, walks: Walks, times: npt.NDArray[np.int64], explained: Sequence[Sequence[Position]]
) -> pd.DataFrame:
    """Return the walks that leave the start, with what is pulled along each, strongest first."""
    pull: dict[int, float] = defaultdict(float)
    weight: Mapping[int, float] = dict(zip(terms["node"].astype(int), terms["weight"].astype(float), strict=True))
    for node, of_node in zip(terms["node"].astype(int), terms["pull"].astype(float), strict=True):
        pull[node] += of_node
    rows = []
    for row, count, positions in zip(walks.nodes.tolist(), times.tolist(), explained, strict=True):
        if len(positions) < 2:
            continue
        text = positions[0].name + "".join(f" -{step.edges[0].edge_type}- {step.name}" for step in positions[1:])
        shares = (
            pull[node] * count * step.path_weight / weight[node]
            for node, step in zip(row[1:], positions[1:], strict=False)
            if weight.get(node)
        )
        rows.append((text, count, positions[-1].path_weight, float(sum(shares))))
    table = pd.DataFrame(rows, columns=WALK_COLUMNS)
    return table.sort_values(["pull", "walk"], ascending=[False, True], kind="stable").reset_index(drop=True)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.explain", description=__doc__)
    parser.add_argument("key", help="a molecule of the graph: name, identifier, InChIKey, or SMILES")
    parser.add_argument("--walks", type=int, default=WALKS, help=f"walks that are sampled (default {WALKS})")
    parser.add_argument("--top", type=int, default=TOP, help=f"nodes and walks shown (default {TOP})")
    parser.add_argument("--seed", type=int, default=0, help="of the walks (default 0)")
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print what pulls."""
    started = time.perf_counter()
    with opened() as store:
        found = explain(
            store,
            arguments.key,
            walks=arguments.walks,
            top=arguments.top,
            seed=arguments.seed,
            checkpoint=arguments.checkpoint,
        )
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
