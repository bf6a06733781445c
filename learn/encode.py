"""Embed molecules with a pretrained encoder: ``python -m learn.encode --smiles FILE``, ``--graph`` or ``--status``.

A file is read, standardised, encoded and written chunk by chunk, so that its length does not matter: chemistry runs in
processes of its own, one a core, while the encoder works on what they have done.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from graphdb.console import progress, run, say
from graphdb.errors import InputError
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace
from learn.config import WIDTH
from learn.embedding_file import read_embeddings, write_embeddings

# PyTorch and chemistry are imported where they are used: the processes that do the chemistry load this module anew when
# it is the command, and need no PyTorch.
if TYPE_CHECKING:
    import pandas as pd

    from ingest.prepare import Prepared, Structure
    from learn.checkpoint import Checkpoint
    from learn.encoder import Encoder

__all__ = ["Options", "embed_graphs", "embedder", "encode", "encode_stream", "encode_with_reasons", "read_embeddings"]

BATCH_SIZE = 512
ATOMS = 1024
"""Large batches hold a multiple of so many atoms, the last ones of no molecule (`learn.graph_batch.in_steps`)."""

Floats = npt.NDArray[np.float32]
Precision = Literal["float32", "bfloat16"]


class Options(NamedTuple):
    """How molecules are encoded.

    Attributes
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    precision
        ``float32``, or ``bfloat16``: matrix products in bfloat16 under autocast.
    batch_size
        Molecules that the encoder sees at once.
    standardise
        False: structures are taken as they are, which is right for those that were standardised before, and then gives
        the same. Others get another embedding than the molecule that the encoder was trained with: salts keep their
        counterions, charges stay.
    """

    device: str = "auto"
    precision: Precision = "float32"
    batch_size: int = BATCH_SIZE
    standardise: bool = True


def encode(
    smiles: Sequence[str],
    checkpoint: Checkpoint | Path | str,
    *,
    device: str = "auto",
    precision: Precision = "float32",
    batch_size: int = BATCH_SIZE,
    standardise: bool = True,
) -> Floats:
    """Return the embeddings of molecules.

    Parameters
    ----------
    smiles
        n structures; they are standardised as those were that the checkpoint was trained with.
    checkpoint
        A checkpoint or its file.
    device, precision, batch_size, standardise
        See `Options`.

    Returns
    -------
    (n, 300) float32
        mu of the encoder; NaN rows for structures that cannot be used.

    Raises
    ------
    ArtefactError
        If the checkpoint is missing, damaged or of another schema.
    InputError
        If an option is no known choice.
    """
    options = Options(device, precision, batch_size, standardise)
    model = _model(checkpoint)
    parts = [vectors for _, vectors in _encoded(smiles, model, options)]
    return np.concatenate([np.empty((0, model.width), dtype=np.float32), *parts])


def encode_with_reasons(
    smiles: Sequence[str], checkpoint: Checkpoint | Path | str, *, device: str = "auto"
) -> tuple[Floats, pd.DataFrame]:
    """Return what `encode` returns, and the table of structures.

    It has n rows with ``inchikey`` and ``smiles``, standardised, None where rejected, and ``reason``, None where not.
    """
    import pandas as pd

    model = _model(checkpoint)
    parts = list(_encoded(smiles, model, Options(device)))
    table = {
        "inchikey": [key for prepared, _ in parts for key in prepared.inchikeys],
        "smiles": [text for prepared, _ in parts for text in prepared.smiles],
        "reason": [reason for prepared, _ in parts for reason in prepared.reasons],
    }
    vectors = np.concatenate([np.empty((0, model.width), dtype=np.float32), *(vectors for _, vectors in parts)])
    return vectors, pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in table.items()})


def encode_stream(
    chunks: Iterable[Sequence[Structure]], model: Checkpoint, options: Options | None = None
) -> Iterator[tuple[Prepared, Floats]]:
    """Encode structures chunk by chunk.

    Parameters
    ----------
    chunks
        Any number of chunks; they are taken one by one, a few ahead of what is yielded.
    model
        The checkpoint.
    options
        How; None: as `Options` says.

    Yields
    ------
    Prepared, (n, d) float32
        For each chunk of n structures what they are, and their embeddings: NaN rows for those that cannot be used.
        Equal ones of a chunk are encoded once.
    """
    from functools import partial

    from ingest.parallel import stream_batches
    from ingest.prepare import prepare
    from learn.kernels import arrays

    options = options or Options()
    embed = embedder(model, options, quiet=True)
    work = partial(prepare, tautomers=model.tautomers if options.standardise else None)
    try:
        for prepared in stream_batches(work, chunks):
            distinct = embed(prepared.graphs)
            vectors = np.full((len(prepared.rows), model.width), np.nan, dtype=np.float32)
            usable = prepared.rows >= 0
            vectors[usable] = distinct[prepared.rows[usable]]
            yield prepared, vectors
    finally:
        arrays.release()


def embedder(
    model: Checkpoint, options: Options | None = None, *, quiet: bool = False
) -> Callable[[MoleculeGraphs], Floats]:
    """Return what makes the embeddings (n, d) float32 of packed molecules: of graphs, or of SMILES, as the model needs.

    `quiet`: whether to show no progress.
    """
    from functools import partial

    from learn.objectives import recipe_of

    options = options or Options()
    if recipe_of(model.config).embeds == "smiles":
        from learn.language import embed_by_smiles

        return partial(embed_by_smiles, model, device=options.device)
    return partial(
        embed_graphs,
        model.encoder(),
        device=options.device,
        precision=options.precision,
        batch_size=options.batch_size,
        quiet=quiet,
    )


def embed_graphs(
    encoder: Encoder,
    graphs: MoleculeGraphs,
    *,
    device: str = "auto",
    precision: Precision = "float32",
    batch_size: int = BATCH_SIZE,
    quiet: bool = False,
) -> Floats:
    """Return the embeddings (n, 300) float32 of packed molecule graphs; see `Options`.

    Parameters
    ----------
    encoder, graphs
        The encoder, and n molecules.
    device, precision, batch_size
        See `Options`.
    quiet
        Whether to show no progress.
    """
    import torch

    from learn.batches import to_graph_batch
    from learn.device import resolve_device, warn_of_slow
    from learn.graph_batch import in_steps

    if precision not in ("float32", "bfloat16"):
        raise InputError(f"precision must be float32 or bfloat16, got {precision!r}")
    if batch_size < 1:
        raise InputError(f"a batch needs at least one molecule, got {batch_size}")
    where = resolve_device(device)
    if not quiet:
        warn_of_slow(precision, where)
    encoder = encoder.to(where)
    vectors = np.empty((len(graphs), WIDTH), dtype=np.float32)
    with progress() as bar:
        task = bar.add_task("encoding", total=len(graphs), visible=not quiet)
        for begin in range(0, len(graphs), batch_size):
            rows = np.arange(begin, min(begin + batch_size, len(graphs)))
            batch = to_graph_batch(graphs.take(rows), where)
            if len(batch.x) >= 4 * ATOMS:
                batch = in_steps(batch, ATOMS)
            with torch.autocast(where.type, torch.bfloat16, enabled=precision == "bfloat16"):
                vectors[rows] = encoder.embed(batch)[: len(rows)].float().cpu().numpy()
            bar.advance(task, len(rows))
    return vectors


def _encoded(smiles: Sequence[str], model: Checkpoint, options: Options) -> Iterator[tuple[Prepared, Floats]]:
    from ingest.structures import in_chunks

    return encode_stream(in_chunks(smiles), model, options)


def _model(checkpoint: Checkpoint | Path | str) -> Checkpoint:
    from learn.checkpoint import load

    return load(checkpoint) if isinstance(checkpoint, Path | str) else checkpoint


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.encode", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--smiles",
        type=Path,
        metavar="FILE",
        help="structures: .smi or .txt (a SMILES a line, a name after it), .csv, .tsv, .sdf, plain or .gz, or .parquet",
    )
    what.add_argument("--graph", action="store_true", help="every molecule of the graph")
    what.add_argument(
        "--status", action="store_true", help="say whether the graph's embeddings are those of the newest model"
    )
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    parser.add_argument("--out", type=Path, help="Parquet file (default: workspace/embeddings.parquet for --graph)")
    parser.add_argument("--publish", action="store_true", help="with --graph: write the embeddings into the graph too")
    table = parser.add_argument_group("with --smiles")
    table.add_argument("--column", help="column of a table that holds the SMILES (default: smiles)")
    table.add_argument("--name-column", help="column that holds the molecules' names (default: name, else id)")
    table.add_argument("--rejects", type=Path, metavar="CSV", help="where to list every structure that cannot be used")
    table.add_argument(
        "--no-standardise",
        dest="standardise",
        action="store_false",
        help="take structures as they are, and the column inchikey too: for files that were standardised before",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="default float32")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="molecules at once (default %(default)s)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Encode, and say what was written where."""
    workspace = Workspace.default()
    _check(arguments)
    if arguments.status:
        from graphdb import connect
        from learn.stale import say_status

        with connect(read_only=True) as store:
            say_status(store, workspace, arguments.checkpoint)
        return
    from learn.checkpoint import load
    from learn.runs import newest_checkpoint

    began = time.perf_counter()
    model = load(arguments.checkpoint or newest_checkpoint(workspace))
    options = Options(arguments.device, arguments.precision, arguments.batch_size, arguments.standardise)
    if arguments.smiles:
        from learn.encode_file import encode_file

        counts = encode_file(
            arguments.smiles,
            arguments.out,
            model,
            options,
            column=arguments.column,
            name_column=arguments.name_column,
            rejects=arguments.rejects,
        )
        seconds = time.perf_counter() - began
        say(
            f"{counts.embedded:,} embeddings of {counts.records:,} records, model {model.model_hash[:16]}: "
            f"{arguments.out} ({seconds:.1f} s, {counts.records / seconds:,.0f} records/s)"
        )
        return
    graphs = MoleculeGraphs.load(workspace.molecule_graphs)
    keys = graphs.keys.tolist()
    vectors = embedder(model, options)(graphs)
    out = arguments.out or workspace.embeddings
    write_embeddings(out, keys, vectors, model.model_hash)
    say(f"{len(vectors):,} embeddings, model {model.model_hash[:16]}: {out} ({time.perf_counter() - began:.1f} s)")
    if arguments.publish:
        from learn.publish import publish

        publish(keys, vectors, model.model_hash)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go with each other."""
    if arguments.publish and not arguments.graph:
        raise InputError("--publish writes the graph's own molecules: use it with --graph")
    if arguments.smiles and arguments.out is None:
        raise InputError("--smiles needs --out FILE.parquet")
    of_files = ("column", "name_column", "rejects")
    if not arguments.smiles and (any(getattr(arguments, name) for name in of_files) or not arguments.standardise):
        raise InputError("--column, --name-column, --rejects and --no-standardise go with --smiles FILE")


if __name__ == "__main__":
    run(main, build_parser())
