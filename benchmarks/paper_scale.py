"""A workspace of the paper's size and shape, simulated: ``python -m benchmarks.paper_scale --out DIR --nodes 12000``.

Node types in the paper's proportions (129,592 molecules, 4,533 genes, 13,795 expression, 128,935 morphology profiles,
366,384 edges), the six feature spaces of its decoders, molecules of about 27 atoms and 29 bonds. Values are random:
nothing can be learned of them, but a training step costs what it costs on the paper's graph. Needs no chemistry and no
database. How morphology divides between its two feature spaces, and computed edges between node types, the paper does
not say; the shares here are round numbers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic import GRAPH_HASH, inchikeys
from graphdb.console import run, say
from graphdb.errors import InputError
from graphdb.feature_store import FeatureStoreWriter
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace

PAPER_NODES: Mapping[NodeType, int] = {
    NodeType.MOLECULE: 129_592,
    NodeType.GENE: 4_533,
    NodeType.MORPHOLOGY: 128_935,
    NodeType.EXPRESSION: 13_795,
}
PAPER_EDGES = 366_384

BITS = 1024
CRISPR, ORF, BRAY, JUMP, L1000 = 1111, 862, 1783, 966, 978
DIMENSIONS = (BITS, CRISPR, ORF, BRAY, JUMP, L1000)
"""Of the six decoders, in the published order, which is that of `FeatureStore.spaces` too."""

BRAY_SHARE = 0.25
"""Of the morphology profiles."""
GENE_SHARE = 0.75
"""Of the genes that have a profile of each kind of perturbation; most have both."""
BOND_KINDS = {(3, 0, 1): 46, (0, 0, 0): 36, (0, 0, 1): 11, (1, 0, 1): 5, (1, 0, 0): 1, (2, 0, 1): 0.1}
ATOM_VALUES: tuple[tuple[float, ...], ...] = (
    (0, 0, 0, 0, 0, 73, 12, 11, 1, *[0] * 6, 2, 1),
    (98, 1, 1),
    (0, 7, 13, 53, 27),
    (0, 0, 0, 0, 0.1, 99.8, 0.1),
    (46, 33, 15, 6),
    (1,),
    (0.3, 68, 32),
    (51, 49),
    (32, 68),
)
"""Percent of the bonds that have these features, and of the atoms that have value 0, 1, … of each of theirs.

As counted in the 136,249 molecules of docs/pretraining-run.md: what a step costs on a GPU depends on how unevenly
values are spread.
"""
MEAN_ATOMS, ATOMS_DEVIATION, FEWEST_ATOMS, MOST_ATOMS = 27, 8, 6, 60
RING, RING_EVERY = 6, 8
"""Atoms in a ring, and from the begin of one to that of the next along the chain."""
BITS_SET = 0.05
CHUNK = 4096

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """How many nodes of each type and how many edges a graph has."""

    molecules: int
    genes: int
    morphology: int
    expression: int
    edges: int

    @classmethod
    def of(cls, nodes: int) -> Counts:
        """Return those of a graph with so many nodes, in the paper's proportions.

        Raises
        ------
        InputError
            If it would have fewer than two nodes of a type.
        """
        scale = nodes / sum(PAPER_NODES.values())
        counts = [round(scale * number) for number in PAPER_NODES.values()]
        if min(counts) < 4:
            raise InputError(f"a graph of {nodes} nodes has fewer than four genes; take at least 250 nodes")
        return cls(*counts, edges=round(scale * PAPER_EDGES))

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.molecules + self.genes + self.morphology + self.expression


def make_paper_workspace(folder: Path, nodes: int = 12_000, seed: int = 0) -> Workspace:
    """Write snapshot, feature store and molecule graphs of about `nodes` nodes to the workspace `folder`."""
    counts = Counts.of(nodes)
    rng = np.random.default_rng(seed)
    workspace = Workspace(folder)
    keys = {
        NodeType.MOLECULE: inchikeys(counts.molecules, rng),
        NodeType.GENE: np.arange(1, counts.genes + 1).astype(str),
        NodeType.MORPHOLOGY: np.array([f"m:{i:06d}" for i in range(counts.morphology)]),
        NodeType.EXPRESSION: np.array([f"x:{i:06d}" for i in range(counts.expression)]),
    }
    _snapshot(counts, keys, rng).save(workspace.snapshot)
    ring_molecules(keys[NodeType.MOLECULE], rng).save(workspace.molecule_graphs)
    with FeatureStoreWriter(workspace.features) as writer:
        packed = np.packbits(rng.random((counts.molecules, BITS), dtype=np.float32) < BITS_SET, axis=1)
        writer.add_binary(NodeType.MOLECULE, FINGERPRINT_SPACE, keys[NodeType.MOLECULE], _columns(BITS), packed)
        genes, profiles = keys[NodeType.GENE], keys[NodeType.MORPHOLOGY]
        each = round(GENE_SHARE * counts.genes)
        bray = round(BRAY_SHARE * counts.morphology)
        for node_type, name, dimension, rows in (
            (NodeType.GENE, f"crispr-{CRISPR}", CRISPR, genes[:each]),
            (NodeType.GENE, f"orf-{ORF}", ORF, genes[-each:]),
            (NodeType.MORPHOLOGY, f"bray-{BRAY}", BRAY, profiles[:bray]),
            (NodeType.MORPHOLOGY, f"jump-{JUMP}", JUMP, profiles[bray:]),
            (NodeType.EXPRESSION, f"l1000-{L1000}", L1000, keys[NodeType.EXPRESSION]),
        ):
            values = _profiles(len(rows), dimension, rng, missing=0.02 if node_type is NodeType.GENE else 0.0)
            writer.add(node_type, name, rows, _columns(dimension), values, simulated=True)
        writer.finish({"graph_hash": GRAPH_HASH})
    return workspace


def ring_molecules(keys: npt.NDArray[np.str_], rng: np.random.Generator) -> MoleculeGraphs:
    """Return chains with rings of six and short branches; every bond stands in both directions, one after the other.

    All at once, without a loop over molecules: an atom is bonded to the one before it, or, where a branch ends, to the
    one before that; and in every eight atoms six close a ring.
    """
    drawn = rng.normal(MEAN_ATOMS, ATOMS_DEVIATION, len(keys)).round().astype(np.int64)
    counts = drawn.clip(FEWEST_ATOMS, MOST_ATOMS)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    molecule = np.repeat(np.arange(len(keys)), counts)
    place = np.arange(offsets[-1]) - offsets[molecule]
    within = place % RING_EVERY
    branch = (within == RING + 1) & (rng.random(len(place)) < 0.5)
    chained, closing = place > 0, within == RING - 1
    owner = np.concatenate([molecule[chained], molecule[closing]])
    there = np.concatenate([place[chained], place[closing]])
    back = np.concatenate([(place - 1 - branch)[chained], place[closing] - RING + 1])
    order = np.lexsort((there, owner))
    owner, there, back = owner[order], there[order], back[order]
    drawn_kinds = rng.choice(len(BOND_KINDS), len(owner), p=_shares(BOND_KINDS.values()))
    features = np.array(list(BOND_KINDS), dtype=np.uint8)[drawn_kinds]
    bonds = np.bincount(owner, minlength=len(keys))
    atoms = np.stack([rng.choice(len(each), len(place), p=_shares(each)) for each in ATOM_VALUES], axis=1)
    return MoleculeGraphs(
        atom_features=atoms.astype(np.uint8),
        bond_index=np.stack([np.stack([back, there], 1), np.stack([there, back], 1)], 1)
        .reshape(-1, 2)
        .T.astype(np.int32),
        bond_features=np.repeat(features, 2, axis=0),
        atom_offsets=offsets.astype(np.int64),
        bond_offsets=np.concatenate([[0], np.cumsum(2 * bonds)]).astype(np.int64),
        keys=keys,
    )


def _shares(counts: Iterable[float]) -> npt.NDArray[np.float64]:
    shares = np.array(list(counts), dtype=np.float64)
    return np.asarray(shares / shares.sum())


def _snapshot(counts: Counts, keys: Mapping[NodeType, npt.NDArray[np.str_]], rng: np.random.Generator) -> Snapshot:
    """Every profile has its molecule; what edges remain join molecules, profiles and genes that are alike or linked."""
    numbers = [counts.molecules, counts.genes, counts.morphology, counts.expression]
    molecules, genes, morphology, expression = np.split(np.arange(counts.nodes), np.cumsum(numbers)[:-1])
    pairs = [
        (rng.choice(molecules, len(morphology)), morphology, np.ones(len(morphology))),
        (rng.choice(molecules, len(expression)), expression, np.ones(len(expression))),
    ]
    rest = max(0, counts.edges - len(morphology) - len(expression))
    for share, one, other, lightest in (
        (0.4, molecules, molecules, 0.8),
        (0.3, morphology, morphology, 0.8),
        (0.15, molecules, genes, 0.0),
        (0.15, genes, genes, 1.0),
    ):
        drawn = round(share * rest)
        weights = lightest + (1 - lightest) * rng.random(drawn)
        pairs.append((rng.choice(one, drawn), rng.choice(other, drawn), weights))
    src, dst, weight = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    types = np.repeat([node_type.code for node_type in PAPER_NODES], numbers)
    return Snapshot.from_edges(types, src, dst, weight, np.concatenate(list(keys.values())), graph_hash=GRAPH_HASH)


def _profiles(n: int, dimension: int, rng: np.random.Generator, *, missing: float) -> npt.NDArray[np.float32]:
    """Return (n, dimension) normal values, so many of them NaN; in chunks, so that only float32 stands as a whole."""
    values = np.empty((n, dimension), dtype=np.float32)
    for first in range(0, n, CHUNK):
        part = values[first : first + CHUNK]
        rng.standard_normal(dtype=np.float32, out=part)
        if missing:
            part[rng.random(part.shape, dtype=np.float32) < missing] = np.nan
    return values


def _columns(dimension: int) -> list[str]:
    return [f"f{i}" for i in range(dimension)]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper_scale", description="Simulate the paper's graph.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the workspace")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--nodes", type=int, help="number of nodes (default 12000)")
    size.add_argument("--scale", type=float, help="1: the paper's 276,855 nodes")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Simulate, and say what is where."""
    began = time.perf_counter()
    scaled = None if arguments.scale is None else round(arguments.scale * sum(PAPER_NODES.values()))
    nodes = arguments.nodes or scaled or 12_000
    workspace = make_paper_workspace(arguments.out, nodes, arguments.seed)
    counts = Counts.of(nodes)
    say(
        f"{counts.molecules:,} molecules, {counts.genes:,} genes, {counts.morphology:,} morphology and "
        f"{counts.expression:,} expression profiles, about {counts.edges:,} edges, simulated: "
        f"{workspace.root} ({time.perf_counter() - began:.1f} s)"
    )


if __name__ == "__main__":
    run(main, build_parser())
