"""InfoAlign's own release: the files from which the paper's context graph was made.

Folder ``pretrain_raw/`` of the data set ``liuganghuggingface/InfoAlign-Data`` on the Hugging Face hub, as its readers
expect it (https://github.com/liugangcode/InfoAlign); parts that are absent are left out:

- ``structure.csv``: ``mol_id``, ``smiles``.
- ``CP-Bray.csv`` (``cell_bid``, ``mol_id``) with ``CP-Bray_feature.npz`` (array ``data``, its rows in the order of the
  table), ``CP-JUMP.csv`` (``cell_jid``, ``mol_id``), ``GE.csv`` (``express_id``, ``mol_id``), likewise.
- ``G-CRISPR.csv`` and ``G-ORF.csv`` (``ncbi_gene_id``), likewise: profiles of genes.
- ``L1k_idmaps.csv``: ``ncbi_gene_id`` of every column of ``GE_feature.npz``.
- ``G-G.csv``: ``source_id``, ``target_id``, NCBI ids of genes that Hetionet joins; the kind of edge is not stated, so
  they are loaded as interactions.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import EdgeType, NodeType
from ingest.records import (
    GeneTable,
    LinkTable,
    Perturbation,
    ProfileTable,
    Ref,
    SourceRecords,
    StructureTable,
    rejects_table,
)
from ingest.sources._genes import gene_table, ncbi_ids
from ingest.sources._hub import Hub
from ingest.sources._read import find_file, find_optional, listing, read_table, text_column
from ingest.sources._source import Source
from ingest.sources._text import unpacks_too_far

NAME = "infoalign"
STRUCTURES, GENE_COLUMNS, GENE_LINKS = "structure.csv", "L1k_idmaps.csv", "G-G.csv"


class _Part(NamedTuple):
    """A table of profiles and its matrix: ``<name>.csv`` and ``<name>_feature.npz``."""

    name: str
    space: str
    node_type: NodeType
    record: str
    perturbation: Perturbation


PARTS = (
    _Part("CP-Bray", "bray", NodeType.MORPHOLOGY, "cell_bid", Perturbation.COMPOUND),
    _Part("CP-JUMP", "jump", NodeType.MORPHOLOGY, "cell_jid", Perturbation.COMPOUND),
    _Part("G-CRISPR", "crispr", NodeType.MORPHOLOGY, "ncbi_gene_id", Perturbation.CRISPR),
    _Part("G-ORF", "orf", NodeType.MORPHOLOGY, "ncbi_gene_id", Perturbation.ORF),
    _Part("GE", "l1000", NodeType.EXPRESSION, "express_id", Perturbation.COMPOUND),
)


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    structure_file = find_file(path, STRUCTURES)
    files = [structure_file]
    structures, blank = _structures(structure_file)
    profiles, links, genes = [], [], []
    for part in PARTS:
        table_file = find_optional(path, f"{part.name}.csv")
        if table_file is None:
            continue
        matrix_file = find_file(path, f"{part.name}_feature.npz")
        files += [table_file, matrix_file]
        columns = None
        if part.node_type == NodeType.EXPRESSION:
            columns_file = find_file(path, GENE_COLUMNS)
            files.append(columns_file)
            columns = read_table(columns_file, ["ncbi_gene_id"])
            genes.append(_genes(columns, "ncbi_gene_id", columns_file))
        profile, named = _profiles(part, table_file, matrix_file, columns)
        profiles.append(profile)
        genes += named
    link_file = find_optional(path, GENE_LINKS)
    if link_file is not None:
        files.append(link_file)
        pairs = read_table(link_file, ["source_id", "target_id"])
        genes += [_genes(pairs, name, link_file) for name in ("source_id", "target_id")]
        links.append(_links(pairs, link_file))
    return SourceRecords(
        structures=(structures,),
        genes=tuple(genes),
        profiles=tuple(profiles),
        links=tuple(links),
        rejects=blank,
        files=tuple(files),
    )


def read_array(path: Path, rows: int) -> npt.NDArray[np.float32]:
    """Return the array ``data`` (`rows`, d) float32 of an NPZ file.

    Raises
    ------
    InputError
        If the file is damaged, holds Python objects, has no such array, or one of another shape.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if "data" not in names:
                raise InputError(f"no array 'data'; there are {listing(names, 8) or 'none'}", path=path)
            member = archive.infolist()[names.index("data")]
            # The directory of the archive says how long the array is, before anything is unpacked.
            if unpacks_too_far(member.file_size, min(member.compress_size, path.stat().st_size)):
                raise InputError(
                    f"unpacks to {member.file_size:,} bytes out of {path.stat().st_size:,}; this is no matrix",
                    path=path,
                )
            with archive.open(member) as file:
                shape, dtype, header_bytes = _array_header(file)
            if len(shape) != 2 or dtype.kind not in "fiu" or shape[1] == 0:
                raise InputError(f"expected a matrix of numbers, found {dtype} of shape {shape}", path=path)
            if shape[0] != rows:
                raise InputError(f"{shape[0]:,} rows, but {rows:,} in the table beside it", path=path)
            if shape[0] * shape[1] * dtype.itemsize != member.file_size - header_bytes:
                raise InputError(
                    f"an array of shape {shape} in {member.file_size:,} bytes; the file is damaged", path=path
                )
            with archive.open(member) as file:
                values = np.lib.format.read_array(file, allow_pickle=False)
    # RuntimeError: encrypted, or packed in a way that is not known.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error) as error:
        raise InputError(f"not an NPZ file of numbers, or a damaged one ({error})", path=path) from None
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and that becomes missing
        return np.asarray(values, dtype=np.float32)


def _array_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, type of the cells, and length of the header of an array in NumPy's own format."""
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"version {version} of the format is not for numbers")
    shape, _, dtype = read_header[version](file)
    return shape, dtype, file.tell()


def _structures(path: Path) -> tuple[StructureTable, pd.DataFrame]:
    listed = read_table(path, ["mol_id", "smiles"])
    blank = (listed["smiles"].str.strip() == "").to_numpy(dtype=bool)
    kept = listed[~blank]
    table = pd.DataFrame(
        {
            "line": kept.index.to_numpy(),
            "namespace": NAME,
            "value": kept["mol_id"].to_numpy(),
            "smiles": text_column(kept["smiles"]),
        }
    )
    for column, namespace in (("pert_id", "brd"), ("pert_iname", "name")):
        if column in kept:
            table[namespace] = text_column(kept[column])
    lost = rejects_table(NAME, path, listed.index[blank].to_numpy(), listed["mol_id"].to_numpy()[blank], "no SMILES")
    return StructureTable(NAME, path, table, is_node=True), lost


def _profiles(
    part: _Part, path: Path, matrix: Path, columns: pd.DataFrame | None
) -> tuple[ProfileTable, list[GeneTable]]:
    of_genes = part.perturbation != Perturbation.COMPOUND
    value = "ncbi_gene_id" if of_genes else "mol_id"
    rows = read_table(path, [part.record, value])
    values = read_array(matrix, len(rows))
    width = values.shape[1]
    if columns is not None and len(columns) != width:
        raise InputError(f"{width} columns, but {len(columns)} genes in {GENE_COLUMNS}", path=matrix)
    named = () if columns is None else tuple(columns["ncbi_gene_id"])
    table = pd.DataFrame(
        {
            "line": rows.index.to_numpy(),
            "record": rows[part.record].to_numpy(),
            "namespace": "ncbi" if of_genes else NAME,
            "value": rows[value].to_numpy(),
            "perturbation": part.perturbation.value,
        }
    )
    profile = ProfileTable(
        source=NAME,
        path=path,
        node_type=part.node_type,
        # Genes get the perturbation behind the name of the space (decision 4); here each has a space of its own.
        feature_space=f"{NAME}-{part.space}-{width}",
        columns=named or tuple(f"f{place}" for place in range(width)),
        column_genes=tuple(Ref("ncbi", gene) for gene in named) if columns is not None else None,
        values=values,
        table=table,
    )
    return profile, [_genes(rows, value, path)] if of_genes else []


def _genes(table: pd.DataFrame, column: str, path: Path) -> GeneTable:
    """Return the genes that a column names; the release has their ids alone."""
    ids, first = np.unique(ncbi_ids(table[column], path), return_index=True)
    return gene_table(NAME, path, table.index.to_numpy()[first], ids, [None] * len(ids))


def _links(pairs: pd.DataFrame, path: Path) -> LinkTable:
    table = pd.DataFrame(
        {
            "line": pairs.index.to_numpy(),
            "src_namespace": "ncbi",
            "src_value": pairs["source_id"].to_numpy(),
            "dst_namespace": "ncbi",
            "dst_value": pairs["target_id"].to_numpy(),
        }
    )
    return LinkTable(NAME, path, EdgeType.INTERACTS, table)


SOURCE = Source(
    name=NAME,
    title="InfoAlign's release: molecules, morphology (Bray, JUMP), expression, CRISPR and ORF profiles of genes",
    origin="https://huggingface.co/datasets/liuganghuggingface/InfoAlign-Data (folder pretrain_raw)",
    licence="none stated in the repository",
    files=(STRUCTURES, *(f"{part.name}.csv + {part.name}_feature.npz" for part in PARTS), GENE_COLUMNS, GENE_LINKS),
    read=read,
    hub=Hub(
        "liuganghuggingface/InfoAlign-Data",
        "pretrain_raw",
        tuple(
            pattern
            for table in (STRUCTURES, GENE_COLUMNS, GENE_LINKS, *(f"{part.name}.csv" for part in PARTS))
            for pattern in (table, f"{table}.gz")
        )
        + tuple(f"{part.name}_feature.npz" for part in PARTS),
    ),
)
