"""L1000 expression signatures in any of their forms: GCTX, GCT 1.2 and 1.3 (see `_gct`), or a wide table.

`PATH` is one such file, or a folder of them (``*.gctx``, ``*.gct``, ``*.csv``, ``*.tsv``, ``*.parquet``; text also as
``.gz``); each file is a feature space of its own, ``l1000-<name of the file>-<number of genes>``. Origin: the LINCS
L1000 project (Subramanian et al. 2017, Cell 171:1437), https://clue.io/data and GEO, series GSE92742 and GSE70138.

- A wide table has a row a signature: its first column is the signature's id, every other one a gene.
- A column is the gene of the field ``pr_gene_id`` (or ``gene_id``, ``entrez_gene_id``), else of ``pr_gene_symbol`` (or
  ``gene_symbol``, ``symbol``), else what the row's id looks like: digits an NCBI id, ``ENSG…`` an Ensembl id, else a
  symbol.
- Where a field says which genes are landmarks (``pr_is_lm`` 1, or ``feature_space`` ``landmark``), these alone are
  kept: the others are not measured but inferred from them. Where no gene is flagged, all are kept.
- By the field ``pert_type``: ``trt_cp`` are compounds, ``trt_xpr`` genes by CRISPR and ``trt_oe`` by ORF (their symbol
  is ``pert_iname`` or ``cmap_name``); controls and all other kinds, e.g. short hairpins and ligands, become rejects. A
  signature without a kind is one of a compound.
- A compound is named by ``pert_id`` (BRD or DrugBank id), else ``inchi_key``, else ``canonical_smiles``, else by the
  signature's id, if that is a DrugBank id or an InChIKey or has a BRD id in it. Structures come from
  ``canonical_smiles`` where it is there, else from the sources that know the identifier.
- Conditions: ``cell_id`` (``cell_iname``, ``cell_mfc_name``), ``pert_time`` or ``pert_itime`` (``24 h``), ``pert_dose``
  with ``pert_dose_unit`` or ``pert_idose`` (``10 uM``), ``rna_plate`` (``det_plate``). What has another unit, or none,
  is missing: a dose in percent is no concentration.

The line of a record of a GCT file is the signature's column there, of a GCTX file its number, both from 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import NodeType
from ingest.records import (
    GeneTable,
    Perturbation,
    ProfileTable,
    Ref,
    SourceRecords,
    StructureTable,
    rejects_table,
)
from ingest.sources._gct import Gct, read_gct, read_gctx
from ingest.sources._genes import ENSEMBL_ID, NCBI_ID, gene_ref, gene_table
from ingest.sources._read import header, read_matrix, text_column
from ingest.sources._source import Source

NAME = "l1000"
SUFFIXES = (".gctx", ".gct", ".csv", ".tsv", ".parquet", ".gct.gz", ".csv.gz", ".tsv.gz")

KINDS = {"": Perturbation.COMPOUND, "trt_cp": Perturbation.COMPOUND} | {
    "trt_xpr": Perturbation.CRISPR,
    "trt_oe": Perturbation.ORF,
}
"""``pert_type`` → how the treatment was made."""

NCBI_FIELDS = ("pr_gene_id", "gene_id", "entrez_gene_id")
SYMBOL_FIELDS = ("pr_gene_symbol", "gene_symbol", "symbol")
TITLE_FIELDS = ("pr_gene_title", "gene_title")
YES = ("1", "true", "t", "yes", "y")

HOURS = {"": 1.0, "h": 1.0, "hr": 1.0, "hrs": 1.0, "hour": 1.0, "hours": 1.0, "min": 1 / 60, "d": 24.0, "days": 24.0}
"""Unit → hours; ``pert_time`` without a unit is in hours."""

MICROMOLAR = {"pm": 1e-6, "nm": 1e-3, "um": 1.0, "mm": 1e3}
"""Unit in small letters → µM."""

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([^\s0-9.]\S*)?")
_BRD = re.compile(r"(?<![A-Z0-9])BRD-[A-Z][0-9]{8}(?![0-9])")
_DRUGBANK = re.compile(r"DB[0-9]{5}")
_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")
_UNPLAIN = re.compile(r"[^a-z0-9._-]+")


def read(path: Path) -> SourceRecords:
    """Read the file `path`, or every table of the folder `path`."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(SUFFIXES))
        if not files:
            raise InputError(
                f"no signatures ({', '.join(f'*{suffix}' for suffix in SUFFIXES)}) in this folder", path=path
            )
    parts = [_records(file) for file in files]
    spaces: dict[str, Path] = {}
    for table in (table for part in parts for table in part.profiles):
        if table.feature_space in spaces:
            other = spaces[table.feature_space]
            raise InputError(f"{table.feature_space} is the name of {other.name} as well; rename one", path=table.path)
        spaces[table.feature_space] = table.path
    return SourceRecords(
        structures=tuple(table for part in parts for table in part.structures),
        genes=tuple(table for part in parts for table in part.genes),
        profiles=tuple(table for part in parts for table in part.profiles),
        rejects=pd.concat([part.rejects for part in parts], ignore_index=True),
        files=tuple(files),
    )


def _records(path: Path) -> SourceRecords:
    gct = _read(path)
    found = _perturbagens(gct)
    bad = (found["reason"] != "").to_numpy(dtype=bool)
    table = pd.DataFrame(
        {
            "line": gct.signature_places,
            "record": list(gct.signature_ids),
            **{name: found[name] for name in ("namespace", "value", "perturbation")},
            **_conditions(gct.signatures),
        }
    )
    refs = _column_genes(gct)
    profiles = ProfileTable(
        source=NAME,
        path=path,
        node_type=NodeType.EXPRESSION,
        feature_space=f"{NAME}-{_slug(path)}-{len(refs)}",
        columns=gct.gene_ids,
        column_genes=refs,
        values=gct.values[~bad] if bad.any() else gct.values,
        table=table[~bad].reset_index(drop=True),
    )
    return SourceRecords(
        structures=_structures(gct, table[~bad], path),
        genes=_genes(gct, refs, path),
        profiles=(profiles,) if len(profiles.table) else (),
        rejects=rejects_table(NAME, path, table["line"][bad], table["record"][bad], found["reason"][bad]),
        files=(path,),
    )


def _read(path: Path) -> Gct:
    name = path.name.lower()
    if name.endswith(".gctx.gz"):
        raise InputError("HDF5 cannot be read out of a gzip file: unpack it first (gunzip)", path=path)
    if name.endswith(".gctx"):
        return read_gctx(path, _landmarks)
    if name.endswith((".gct", ".gct.gz")):
        return read_gct(path, _landmarks)
    return _wide(path)


def _wide(path: Path) -> Gct:
    """Read a table with a row a signature."""
    first = header(path)[0]
    matrix = read_matrix(path, text=[first])
    if not matrix.columns:
        raise InputError("there is no column of a gene", path=path, line=1)
    if any(_BRD.search(name) or _DRUGBANK.fullmatch(name) for name in matrix.columns):
        raise InputError("the columns are compounds; expected a row a signature and a column a gene", path=path, line=1)
    n, d = matrix.values.shape
    return Gct(
        values=matrix.values,
        genes=pd.DataFrame(index=range(d)),
        signatures=pd.DataFrame(index=range(n)),
        gene_ids=matrix.columns,
        signature_ids=tuple("" if pd.isna(cell) else str(cell).strip() for cell in matrix.text[first]),
        gene_places=np.ones(d, dtype=np.int64),
        signature_places=matrix.text.index.to_numpy(dtype=np.int64),
    )


def _landmarks(genes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    flagged = _first(genes, "pr_is_lm").str.lower().isin(YES) | (
        _first(genes, "feature_space", "pr_feature_space").str.lower() == "landmark"
    )
    found = flagged.to_numpy(dtype=bool)
    return found if found.any() else ~found


def _first(table: pd.DataFrame, *names: str) -> pd.Series:
    """Return, row by row, the first of these fields that has a text; "" where none has. Case does not matter."""
    found = pd.Series([""] * len(table), index=table.index, dtype=object)
    for name in names:
        for column in table.columns:
            if str(column).lower() == name:
                found = found.where(found != "", table[column])
    return found


def _has(table: pd.DataFrame, *names: str) -> bool:
    return any(str(column).lower() in names for column in table.columns)


def _column_genes(gct: Gct) -> tuple[Ref, ...]:
    numbers = _first(gct.genes, *NCBI_FIELDS).str.removesuffix(".0")
    symbols = _first(gct.genes, *SYMBOL_FIELDS)
    refs = []
    for name, number, symbol in zip(gct.gene_ids, numbers, symbols, strict=True):
        if re.fullmatch(NCBI_ID, number) or ENSEMBL_ID.fullmatch(number):
            refs.append(gene_ref(number))
        else:
            refs.append(Ref("symbol", symbol) if symbol else gene_ref(name))
    return tuple(refs)


def _genes(gct: Gct, refs: Sequence[Ref], path: Path) -> tuple[GeneTable, ...]:
    """Return a look-up of the genes whose NCBI id the file gives."""
    symbols, titles = _first(gct.genes, *SYMBOL_FIELDS), _first(gct.genes, *TITLE_FIELDS)
    places = {int(ref.value): place for place, ref in reversed(list(enumerate(refs))) if ref.namespace == "ncbi"}
    if not places:
        return ()
    chosen = sorted(places.values())
    ids = np.array([int(refs[place].value) for place in chosen], dtype=np.int64)
    return (
        gene_table(
            NAME,
            path,
            gct.gene_places[chosen],
            ids,
            text_column(symbols.iloc[chosen]).tolist(),
            names=text_column(titles.iloc[chosen]).tolist(),
        ),
    )


def _perturbagens(gct: Gct) -> pd.DataFrame:
    """Return ``namespace``, ``value``, ``perturbation`` and ``reason`` ("" where it can be used) of n signatures."""
    fields = gct.signatures
    kinds = _first(fields, "pert_type").str.lower()
    rows: list[tuple[str, str, str, str]] = []
    for signature, kind, symbol, *names in zip(
        gct.signature_ids,
        kinds,
        _first(fields, "pert_iname", "cmap_name"),
        _first(fields, "pert_id"),
        _inchikeys(fields),
        _smiles(fields),
        strict=True,
    ):
        perturbation = KINDS.get(kind)
        if perturbation is None:
            control = kind.startswith("ctl_")
            rows.append(("", "", "", "negative control" if control else f"this kind of treatment is not read: {kind}"))
        elif perturbation == Perturbation.COMPOUND:
            ref = _compound(signature, *names)
            rows.append((*ref, perturbation.value, "" if ref.value else f"no identifier of a compound: {signature}"))
        else:
            rows.append(("symbol", symbol, perturbation.value, "" if symbol else f"no symbol of a gene: {signature}"))
    return pd.DataFrame(rows, columns=["namespace", "value", "perturbation", "reason"], dtype=object)


def _compound(signature: str, pert_id: str, inchikey: str, smiles: str) -> Ref:
    """Return what names a compound best; an empty reference where nothing does."""
    found = _named(pert_id)
    if not found.value and inchikey:
        found = Ref("inchikey", inchikey)
    elif not found.value and smiles:
        found = Ref("smiles", smiles)
    return found if found.value else _named(signature)


def _named(text: str) -> Ref:
    # Signatures of L1000 are named by plate, cell line, time, compound and dose: PCLB003_PC3_24H:BRD-A19037878-001:10.
    inside = set(_BRD.findall(text))
    if len(inside) == 1:  # two would be a mixture
        return Ref("brd", inside.pop())
    for namespace, form in (("drugbank", _DRUGBANK), ("inchikey", _INCHIKEY)):
        if form.fullmatch(text):
            return Ref(namespace, text)
    return Ref("", "")


def _inchikeys(fields: pd.DataFrame) -> pd.Series:
    stated = _first(fields, "inchi_key", "inchikey").str.removeprefix("InChIKey=")
    return stated.where(stated.str.fullmatch(_INCHIKEY).astype(bool), "")


def _smiles(fields: pd.DataFrame) -> pd.Series:
    stated = _first(fields, "canonical_smiles", "smiles")
    return stated.where(stated != "restricted", "")


def _conditions(fields: pd.DataFrame) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, columns in {
        "cell_line": ("cell_id", "cell_iname", "cell_mfc_name"),
        "plate": ("rna_plate", "det_plate"),
    }.items():
        if _has(fields, *columns):
            found[name] = text_column(_first(fields, *columns))
    for name, number, unit, both, scales in (
        ("hours", "pert_time", "pert_time_unit", "pert_itime", HOURS),
        ("dose_um", "pert_dose", "pert_dose_unit", "pert_idose", MICROMOLAR),
    ):
        if _has(fields, number, both):
            units = _first(fields, unit)
            apart = [_amount(cell, other, scales) for cell, other in zip(_first(fields, number), units, strict=True)]
            joined = [_amount(cell, "", scales) for cell in _first(fields, both)]
            found[name] = np.where(np.isnan(apart), joined, apart)
    return found


def _amount(text: str, unit: str, scales: Mapping[str, float]) -> float:
    """Return a number with a unit, its own or `unit`, in the unit of `scales`; NaN where that is not known."""
    parts = _AMOUNT.fullmatch(text)
    if parts is None:
        return np.nan
    # Two characters look like a micro sign.
    named = (parts[2] or unit).replace("µ", "u").replace("μ", "u").lower()
    return float(parts[1]) * scales.get(named, np.nan)


def _structures(gct: Gct, table: pd.DataFrame, path: Path) -> tuple[StructureTable, ...]:
    """Return the structures that the file itself gives, one row a compound."""
    smiles = _smiles(gct.signatures)
    there = table[(table["perturbation"] == Perturbation.COMPOUND.value) & (smiles[table.index] != "")]
    if there.empty:
        return ()
    found = pd.DataFrame(
        {
            "line": there["line"],
            "namespace": there["namespace"],
            "value": there["value"],
            "smiles": smiles[there.index],
            "inchikey": _inchikeys(gct.signatures)[there.index],
            "name": _first(gct.signatures, "pert_iname", "cmap_name")[there.index],
        }
    ).drop_duplicates(["namespace", "value", "smiles"])
    found = found.reset_index(drop=True)
    for name in ("inchikey", "name"):
        found[name] = text_column(found[name])
    return (StructureTable(NAME, path, found, is_node=False),)


def _slug(path: Path) -> str:
    stem = path.name.lower().removesuffix(".gz").rpartition(".")[0]
    return _UNPLAIN.sub("-", stem).strip("-._") or "table"


SOURCE = Source(
    name=NAME,
    title="any L1000 signatures: GCTX, GCT or a table with a row a signature; compounds, CRISPR, ORF",
    origin="https://clue.io/data, GEO GSE92742 and GSE70138, or the user's",
    licence="CC BY 4.0 (LINCS), or the user's",
    files=("*.gctx | *.gct | *.csv | *.tsv | *.parquet",),
    read=read,
)
