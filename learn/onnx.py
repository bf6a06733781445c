"""Write the encoder as an ONNX file: ``python -m learn.onnx --out encoder.onnx``.

What the file takes and gives: docs/onnx.md. Whether it gives what the encoder gives is checked before the file is put
in its place.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graphdb.console import run, say
from graphdb.errors import ArtefactError, InfoAlignError, MissingExtraError
from graphdb.files import replacing_file, versions
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs
from graphdb.workspace import Workspace
from learn.batches import to_graph_batch
from learn.checkpoint import Checkpoint, load
from learn.config import WIDTH
from learn.encoder import MAX_NORM, Encoder
from learn.graph_batch import GraphBatch
from learn.runs import newest_checkpoint

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference from the encoder that a file may have, relative to the largest embedding value."""
CHECKED = 64
"""Molecules that a file is checked with."""

INPUTS = ("x", "edge_index", "edge_attr", "batch", "size")
OUTPUT = "mu"

Floats = npt.NDArray[np.float32]


class ExportableEncoder(nn.Module):
    """The encoder in eval mode, said once more in operations that every runtime has.

    `learn.encoder` caps its embedding tables at each call, adds features up in a bag, which ONNX knows only as a loop
    over atoms, and may pass messages by kernels that cannot be traced. Here the tables are capped once, and messages
    are gathered and scattered. The weights and the perceptrons are the encoder's own.

    Parameters
    ----------
    encoder
        The encoder; it is not changed.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        graphs = encoder.graph_encoder
        self.atoms = nn.ParameterList(_capped(graphs.atom_encoder.atom_embedding_list))
        self.bonds = nn.ParameterList(
            _summed(_capped(cast(Any, conv).bond_encoder.bond_embedding_list)) for conv in graphs.convs
        )
        self.virtual = graphs.virtualnode_embedding.weight
        self.eps = nn.ParameterList(cast(Any, conv).eps for conv in graphs.convs)
        self.mlps = nn.ModuleList(cast(Any, conv).mlp for conv in graphs.convs)
        self.norms = graphs.batch_norms
        self.virtual_mlps = graphs.mlp_virtualnode_list
        self.dist_net = encoder.dist_net

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor, size: Tensor) -> Tensor:
        """Return mu (B, 300) for x (A, 9), edge_index (2, E), edge_attr (E, 3), batch (A,), size () = B, all int64."""
        source, target = edge_index[0], edge_index[1]
        kind = (edge_attr[:, 0] * BOND_FEATURE_SIZES[1] + edge_attr[:, 1]) * BOND_FEATURE_SIZES[2] + edge_attr[:, 2]
        none = torch.zeros(1, WIDTH).expand(cast(Any, size), WIDTH)  # (B, 300)
        h = torch.stack([table[x[:, place]] for place, table in enumerate(self.atoms)]).sum(0)  # (A, 300)
        virtual = self.virtual + none
        last = len(self.mlps) - 1
        for layer, (mlp, norm) in enumerate(zip(self.mlps, self.norms, strict=True)):
            inner = h + virtual[batch]
            messages = torch.relu(inner[source] + self.bonds[layer][kind])  # (E, 300)
            h = norm(mlp((1 + self.eps[layer]) * inner + _scatter(torch.zeros_like(inner), target, messages)))
            h = (torch.relu(h) if layer < last else h) + inner
            if layer < last:
                virtual = virtual + self.virtual_mlps[layer](_scatter(none, batch, inner) + virtual)
        mu: Tensor = self.dist_net(_scatter(none, batch, h))[:, :WIDTH]
        return mu


def export(model: Checkpoint, out: Path, graphs: MoleculeGraphs | None = None) -> tuple[float, float]:
    """Write the encoder of a checkpoint as an ONNX file, checked, all or nothing.

    Parameters
    ----------
    model
        The checkpoint.
    out
        The file. Its metadata say ``model_hash``, ``atom_feature_sizes``, ``bond_feature_sizes``, ``tautomers`` and the
        versions of what made it.
    graphs
        Molecules to check it with; None: random ones.

    Returns
    -------
    float, float
        The largest difference from the encoder that was found, and the largest value of mu.

    Raises
    ------
    MissingExtraError
        If the packages for it are not installed.
    InfoAlignError
        If the file gives something else than the encoder.
    """
    onnx = _required("onnx")
    _required("onnxruntime")
    encoder = model.encoder()
    with replacing_file(out) as temporary:
        _trace(ExportableEncoder(encoder).eval(), temporary)
        written = onnx.load(temporary)
        onnx.helper.set_model_props(written, _metadata(model))
        onnx.checker.check_model(written)
        onnx.save(written, temporary)
        difference, largest = compare(encoder, temporary, random_graphs(CHECKED) if graphs is None else graphs)
        if not difference <= TOLERANCE * largest:  # also where it is NaN
            raise InfoAlignError(
                f"the ONNX file differs from the encoder by {difference:.3g} where values reach {largest:.3g}; "
                "it was not written"
            )
    return difference, largest


def compare(encoder: Encoder, path: Path, graphs: MoleculeGraphs) -> tuple[float, float]:
    """Return the largest difference of a file's embeddings from the encoder's, and the largest value of these."""
    session = _required("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    difference = largest = 0.0
    for rows in (np.arange(1), np.arange(len(graphs))):
        batch = to_graph_batch(graphs.take(rows), torch.device("cpu"))
        expected = encoder.embed(batch).numpy()
        (found,) = session.run([OUTPUT], inputs(batch))
        difference = max(difference, float(np.abs(found - expected).max(initial=0)))
        largest = max(largest, float(np.abs(expected).max(initial=0)))
    return difference, largest


def inputs(batch: GraphBatch) -> dict[str, npt.NDArray[np.int64]]:
    """Return what the file takes for a batch of molecules."""
    tensors = {"x": batch.x, "edge_index": batch.edge_index, "edge_attr": batch.edge_attr, "batch": batch.batch}
    arrays = {name: tensor.to(torch.int64).cpu().numpy() for name, tensor in tensors.items()}
    return {**arrays, "size": np.array(batch.size, dtype=np.int64)}


def random_graphs(n: int, seed: int = 0) -> MoleculeGraphs:
    """Return n random trees of 1 to 40 atoms with random features: no molecules, but of their form."""
    rng = np.random.default_rng(seed)
    atoms = rng.integers(1, 41, n)
    atoms[: min(n, 1)] = 1  # a molecule without bonds
    ends = [np.array([(rng.integers(0, k), k) for k in range(1, size)], np.int32).reshape(-1, 2).T for size in atoms]
    bonds = np.concatenate([np.concatenate([pair, pair[::-1]], axis=1) for pair in ends], axis=1)
    there = [rng.integers(0, BOND_FEATURE_SIZES, (size - 1, 3)) for size in atoms]
    return MoleculeGraphs(
        atom_features=rng.integers(0, ATOM_FEATURE_SIZES, (atoms.sum(), 9)).astype(np.uint8),
        bond_index=bonds.astype(np.int32),
        bond_features=np.concatenate([np.concatenate([rows, rows]) for rows in there]).astype(np.uint8),
        atom_offsets=np.concatenate([[0], np.cumsum(atoms)]).astype(np.int64),
        bond_offsets=np.concatenate([[0], np.cumsum(2 * (atoms - 1))]).astype(np.int64),
        keys=np.array([f"random {row}" for row in range(n)], dtype=np.str_),
    )


def _trace(module: ExportableEncoder, path: Path) -> None:
    example = to_graph_batch(random_graphs(3), torch.device("cpu"))
    size = torch.tensor(example.size)
    axes = {"x": {0: "atoms"}, "edge_index": {1: "bonds"}, "edge_attr": {0: "bonds"}, "batch": {0: "atoms"}}
    with torch.no_grad(), _quietly():
        torch.onnx.export(
            module,
            (example.x, example.edge_index, example.edge_attr, example.batch, size),
            str(path),
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes={**axes, OUTPUT: {0: "molecules"}},
            opset_version=OPSET,
            dynamo=False,
        )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what the exporter says of itself from the person who waits."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        disabled = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)


def _metadata(model: Checkpoint) -> Mapping[str, str]:
    made_with = {f"version_{name}": version for name, version in versions().items()}
    return {
        "model_hash": model.model_hash,
        "atom_feature_sizes": " ".join(map(str, ATOM_FEATURE_SIZES)),
        "bond_feature_sizes": " ".join(map(str, BOND_FEATURE_SIZES)),
        "tautomers": model.tautomers,
        **made_with,
    }


def _capped(tables: nn.ModuleList) -> list[Tensor]:
    return [cast(nn.Embedding, table).weight.detach().renorm(2, 0, MAX_NORM) for table in tables]


def _summed(tables: list[Tensor]) -> Tensor:
    """Return the sums of every kind of bond, (5 · 6 · 2, 300)."""
    kind, stereo, conjugated = tables
    return (kind[:, None, None] + stereo[:, None] + conjugated).flatten(0, 2)


def _scatter(onto: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    """Add rows (n, 300) to those of `onto` that `index` (n,) names."""
    return onto.scatter_add(0, index[:, None].expand_as(rows), rows)


def _required(package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise MissingExtraError(package, "onnx") from None


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.onnx", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, e.g. encoder.onnx")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Write the file, and say how far it is from the encoder."""
    began = time.perf_counter()
    workspace = Workspace.default()
    path = arguments.checkpoint or newest_checkpoint(workspace)
    model = load(path)
    try:
        molecules = MoleculeGraphs.load(workspace.molecule_graphs)
        checked, what = molecules.take(np.arange(min(CHECKED, len(molecules)))), "molecules of the workspace"
    except ArtefactError:
        checked, what = random_graphs(CHECKED), "random graphs"
    difference, largest = export(model, arguments.out, checked)
    found = f"mu differs by {difference:.2g} at most, its largest value is {largest:.3g}"
    say(f"checked with onnxruntime on {len(checked)} {what}: {found}")
    size = arguments.out.stat().st_size / 2**20
    seconds = time.perf_counter() - began
    say(f"{arguments.out} ({size:.1f} MB), model {model.model_hash[:16]} of {path} ({seconds:.1f} s)")


if __name__ == "__main__":
    run(main, build_parser())
