"""Embed molecules with a pretrained encoder: ``python -m learn.encode --smiles FILE`` or ``--graph``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from graphdb.console import note, progress, run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.files import replacing_file
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace
from learn.batches import to_graph_batch
from learn.checkpoint import Checkpoint, load
from learn.config import WIDTH
from learn.device import resolve_device
from learn.encoder import Encoder
from learn.runs import newest_checkpoint

BATCH_SIZE = 512
MODEL_KEY = b"infoalign_model_hash"
SHOWN_REJECTS = 5

Floats = npt.NDArray[np.float32]


def encode(smiles: Sequence[str], checkpoint: Checkpoint | Path | str, *, device: str = "auto") -> Floats:
    """Return the embeddings of molecules.

    Parameters
    ----------
    smiles
        n structures; they are standardised as those were that the checkpoint was trained with.
    checkpoint
        A checkpoint or its file.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns
    -------
    (n, 300) float32
        mu of the encoder; NaN rows for structures that cannot be used.

    Raises
    ------
    ArtefactError
        If the checkpoint is missing, damaged or of another schema.
    """
    return encode_with_reasons(smiles, checkpoint, device=device)[0]


def encode_with_reasons(
    smiles: Sequence[str], checkpoint: Checkpoint | Path | str, *, device: str = "auto"
) -> tuple[Floats, pd.DataFrame]:
    """Return what `encode` returns, and the table of structures.

    It has n rows with ``inchikey`` and ``smiles``, standardised, None where rejected, and ``reason``, None where not.
    """
    model = checkpoint if isinstance(checkpoint, Checkpoint) else load(checkpoint)
    encoder = model.encoder()
    graphs, place, standard = standard_graphs(smiles, model.tautomers)
    embeddings = np.full((len(smiles), WIDTH), np.nan, dtype=np.float32)
    usable = place >= 0
    if usable.any():
        embeddings[usable] = embed_graphs(encoder, graphs, device=device)[place[usable]]
    return embeddings, standard


def standard_graphs(
    smiles: Sequence[str], tautomers: Literal["keep", "canonical"]
) -> tuple[MoleculeGraphs, npt.NDArray[np.int64], pd.DataFrame]:
    """Standardise n structures and turn them into graphs, equal molecules into one.

    Returns
    -------
    tuple
        The graphs; (n,) the graph of each structure, −1 where it cannot be used; and the table of structures that
        `encode_with_reasons` returns.
    """
    # Chemistry is imported here, so that importing this module does not need it.
    from ingest.features.molecule_graph import featurise
    from ingest.standardise.molecules import standardise_table

    standard = standardise_table([("smiles", text) for text in smiles], tautomers=tautomers)
    usable = np.flatnonzero(standard["inchikey"].notna().to_numpy())
    chosen = standard.iloc[usable]
    distinct, position = np.unique(chosen["inchikey"].to_numpy(str), return_inverse=True)
    first = chosen.drop_duplicates("inchikey").set_index("inchikey")["smiles"]
    place = np.full(len(smiles), -1, dtype=np.int64)
    place[usable] = position
    keys = distinct.tolist()
    return featurise([first[key] for key in keys], keys), place, standard


def embed_graphs(encoder: Encoder, graphs: MoleculeGraphs, *, device: str = "auto") -> Floats:
    """Return the embeddings (n, 300) float32 of packed molecule graphs."""
    where = resolve_device(device)
    encoder = encoder.to(where)
    parts = [np.empty((0, WIDTH), dtype=np.float32)]
    with progress() as bar:
        task = bar.add_task("encoding", total=len(graphs))
        for begin in range(0, len(graphs), BATCH_SIZE):
            rows = np.arange(begin, min(begin + BATCH_SIZE, len(graphs)))
            parts.append(encoder.embed(to_graph_batch(graphs.take(rows), where)).cpu().numpy())
            bar.advance(task, len(rows))
    return np.concatenate(parts)


def write_embeddings(
    path: Path,
    inchikeys: Sequence[str | None],
    vectors: Floats,
    model: str,
    smiles: Sequence[str | None] | None = None,
) -> None:
    """Write n embeddings (n, 300) as Parquet, with the hash of their model in the file's metadata.

    Columns: ``inchikey`` (None for a structure that cannot be used), ``smiles`` where they are given, ``embedding``
    (fixed-size list of 300 float32).
    """
    columns = {"inchikey": pa.array(list(inchikeys), pa.string())}
    if smiles is not None:
        columns["smiles"] = pa.array(list(smiles), pa.string())
    flat = pa.array(np.asarray(vectors, dtype=np.float32).ravel())
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, WIDTH)
    table = pa.table(columns).replace_schema_metadata({MODEL_KEY: model.encode()})
    with replacing_file(path) as temporary:
        pq.write_table(table, temporary)


def read_embeddings(path: Path) -> tuple[npt.NDArray[np.object_], Floats, str]:
    """Return InChIKeys (n,), embeddings (n, 300) float32 and the model's hash, as `write_embeddings` wrote them."""
    if not path.is_file():
        raise ArtefactError(f"{path}: no embeddings here; make them with: python -m learn.encode --graph")
    try:
        table = pq.read_table(path)
        vectors = table["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, WIDTH)
        keys = table["inchikey"].to_numpy()
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise ArtefactError(f"{path}: no embeddings in the expected form ({error})") from None
    return keys, vectors, (table.schema.metadata or {}).get(MODEL_KEY, b"").decode()


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.encode", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--smiles", type=Path, metavar="FILE", help="a CSV, TSV or Parquet file with a column 'smiles'")
    what.add_argument("--graph", action="store_true", help="every molecule of the graph")
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    parser.add_argument("--out", type=Path, help="Parquet file (default: workspace/embeddings.parquet for --graph)")
    parser.add_argument("--publish", action="store_true", help="with --graph: write the embeddings into the graph too")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Encode, and say what was written where."""
    began = time.perf_counter()
    workspace = Workspace.default()
    if arguments.publish and not arguments.graph:
        raise InputError("--publish writes the graph's own molecules: use it with --graph")
    if arguments.smiles and arguments.out is None:
        raise InputError("--smiles needs --out FILE.parquet")
    model = load(arguments.checkpoint or newest_checkpoint(workspace))
    out = arguments.out or workspace.embeddings
    if arguments.graph:
        graphs = MoleculeGraphs.load(workspace.molecule_graphs)
        keys, vectors = graphs.keys.tolist(), embed_graphs(model.encoder(), graphs, device=arguments.device)
        write_embeddings(out, keys, vectors, model.model_hash)
    else:
        vectors = _encode_file(arguments.smiles, out, model, arguments.device)
    say(f"{len(vectors):,} embeddings, model {model.model_hash[:16]}: {out} ({time.perf_counter() - began:.1f} s)")
    if arguments.publish:
        from learn.publish import publish

        publish(keys, vectors, model.model_hash)


def _encode_file(path: Path, out: Path, model: Checkpoint, device: str) -> Floats:
    """Encode the structures of a file, say which cannot be used, write and return their embeddings."""
    from ingest.sources.molecules import SOURCE

    records = SOURCE.records(path)
    table = records.structures[0].table
    smiles = table["smiles"].tolist()
    vectors, standard = encode_with_reasons(smiles, model, device=device)
    bad = standard["inchikey"].isna().to_numpy()
    rejects = list(zip(records.rejects["line"], records.rejects["reason"], strict=True))
    rejects += list(zip(table["line"][bad], standard["reason"][bad], strict=True))
    for line, reason in sorted(rejects)[:SHOWN_REJECTS]:
        note(f"{path}:{line}: {reason}")
    if rejects:
        note(
            f"{len(rejects):,} of {len(smiles) + len(records.rejects):,} structures cannot be used; lines without a "
            "structure are left out, the others' embeddings are NaN"
        )
    write_embeddings(out, standard["inchikey"].tolist(), vectors, model.model_hash, smiles)
    return vectors


if __name__ == "__main__":
    run(main, build_parser())
