"""A workspace of random molecules, genes and profiles, made without chemistry and without a database.

For benchmarks and tests of training alone: its structure means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphdb.feature_store import FeatureStoreWriter
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs
from graphdb.schema import FINGERPRINT_SPACE, EdgeType, NodeType
from graphdb.snapshot import Snapshot, TypedEdges
from graphdb.workspace import Workspace

GRAPH_HASH = "5" * 64
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


@dataclass(frozen=True)
class Size:
    """How large a synthetic workspace is; the defaults are about those of the demo.

    Attributes
    ----------
    molecules, genes, profiles
        Numbers of nodes; there are as many morphology as expression profiles.
    atoms
        Fewest and most atoms of a molecule.
    bits, features
        Dimension of the fingerprints, and of every other feature space.
    batches
        Plates that the profiles were measured on; 0: that is not known.
    """

    molecules: int = 1650
    genes: int = 130
    profiles: int = 380
    atoms: tuple[int, int] = (8, 45)
    bits: int = 1024
    features: int = 150
    batches: int = 0


def make_workspace(folder: Path, size: Size | None = None, seed: int = 0) -> Workspace:
    """Write snapshot, feature store and molecule graphs to the workspace `folder`."""
    size = size or Size()
    rng = np.random.default_rng(seed)
    workspace = Workspace(folder)
    keys = {
        NodeType.MOLECULE: inchikeys(size.molecules, rng),
        NodeType.GENE: np.arange(1, size.genes + 1).astype(str),
        NodeType.MORPHOLOGY: np.array([f"m:{i}" for i in range(size.profiles)]),
        NodeType.EXPRESSION: np.array([f"x:{i}" for i in range(size.profiles)]),
    }
    _snapshot(keys, rng).save(workspace.snapshot)
    molecule_graphs(keys[NodeType.MOLECULE], size.atoms, rng).save(workspace.molecule_graphs)
    columns = [f"f{i}" for i in range(size.features)]
    with FeatureStoreWriter(workspace.features) as writer:
        bits = rng.random((size.molecules, size.bits)) < 0.07
        packed = np.packbits(bits, axis=1)
        writer.add_binary(
            NodeType.MOLECULE, FINGERPRINT_SPACE, keys[NodeType.MOLECULE], [str(i) for i in range(size.bits)], packed
        )
        for node_type in (NodeType.GENE, NodeType.MORPHOLOGY, NodeType.EXPRESSION):
            values = rng.normal(size=(len(keys[node_type]), size.features)).astype(np.float32)
            if node_type is NodeType.GENE:
                values[rng.random(values.shape) < 0.2] = np.nan
            simulated = node_type is NodeType.EXPRESSION
            name = f"synthetic-{node_type.value.lower()}"
            plates = [f"p{row % size.batches}" for row in range(size.profiles)] if size.batches else None
            batches = None if node_type is NodeType.GENE else plates
            writer.add(node_type, name, keys[node_type], columns, values, simulated=simulated, batches=batches)
        writer.finish({"graph_hash": GRAPH_HASH})
    return workspace


def inchikeys(n: int, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    """Return n different texts of the form of an InChIKey, sorted."""
    first, second = (["".join(row) for row in rng.choice(LETTERS, (n, width))] for width in (14, 8))
    return np.sort([f"{one}-{two}SA-N" for one, two in zip(first, second, strict=True)])


def molecule_graphs(keys: npt.NDArray[np.str_], atoms: tuple[int, int], rng: np.random.Generator) -> MoleculeGraphs:
    """Return random trees; every bond stands in both directions."""
    counts = rng.integers(atoms[0], atoms[1] + 1, len(keys))
    bonds, features = [], []
    for count in counts:
        child = np.arange(1, count)
        edges = np.stack([child, np.maximum(0, child - rng.integers(1, 4, count - 1))])
        kinds = np.stack([rng.integers(0, most, count - 1) for most in BOND_FEATURE_SIZES], axis=1)
        bonds.append(np.concatenate([edges, edges[::-1]], axis=1))
        features.append(np.concatenate([kinds, kinds]))
    total = int(counts.sum())
    return MoleculeGraphs(
        atom_features=np.stack([rng.integers(0, min(most, 20), total) for most in ATOM_FEATURE_SIZES], 1).astype(
            np.uint8
        ),
        bond_index=np.concatenate(bonds, axis=1).astype(np.int32),
        bond_features=np.concatenate(features).astype(np.uint8),
        atom_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        bond_offsets=np.concatenate([[0], np.cumsum(2 * (counts - 1))]).astype(np.int64),
        keys=keys,
    )


def _snapshot(keys: dict[NodeType, npt.NDArray[np.str_]], rng: np.random.Generator) -> Snapshot:
    """Molecules have a profile of each kind (while there are any), some genes, and similar molecules."""
    counts = [len(keys[node_type]) for node_type in NodeType]
    molecules, genes, morphology, expression = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    treated = rng.permutation(molecules)[: len(morphology)]
    pairs = [
        (EdgeType.HAS_MORPHOLOGY, treated, morphology[: len(treated)], np.ones(len(treated))),
        (EdgeType.HAS_EXPRESSION, treated, expression[: len(treated)], np.ones(len(treated))),
    ]
    for edge_type, others in ((EdgeType.BINDS, genes), (EdgeType.SIMILAR_STRUCTURE, molecules)):
        number = len(molecules)
        pairs.append(
            (edge_type, rng.choice(molecules, number), rng.choice(others, number), 0.8 + 0.2 * rng.random(number))
        )
    src, dst, weight = (np.concatenate(columns) for columns in list(zip(*pairs, strict=True))[1:])
    codes = np.repeat([edge_type.code for edge_type, *_ in pairs], [len(ends) for _, ends, *_ in pairs])
    merged = Snapshot.from_edges(
        np.repeat([node_type.code for node_type in NodeType], counts),
        src,
        dst,
        weight,
        np.concatenate(list(keys.values())),
        graph_hash=GRAPH_HASH,
    )
    return replace(merged, typed=TypedEdges.of(src, dst, codes, weight.astype(np.float32)))
