"""A laboratory's own profiles: any table in pycytominer's form.

CSV, TSV (plain or ``.gz``) or Parquet; columns ``Metadata_…`` describe a row (a well or a treatment), every other
column is a feature (https://pycytominer.readthedocs.io). `PATH` is such a table, which becomes the feature space of
its name; a description of one (TOML, below); or a folder of descriptions.

::

    path = "plates.parquet"          # relative to the description
    feature_space = "mylab-2026"
    modality = "morphology"          # or "expression": features are then gene symbols, NCBI or Ensembl ids
    perturbation = "compound"        # or "crispr", "orf"
    aggregate = "median"             # of wells of one treatment; or "modz", or "none": every row is a profile

``python -m ingest.all --profiles plates.parquet --feature-space mylab-2026`` writes the description.

What was perturbed is told by the first of these columns that a row has: for compounds ``Metadata_JCP2022``,
``Metadata_broad_sample`` or ``Metadata_pert_id`` (a BRD id), ``Metadata_InChIKey``, ``Metadata_SMILES``; for genes
``Metadata_NCBI_Gene_ID``, ``Metadata_Ensembl_Gene_ID`` (or ``Metadata_ensembl_id``), ``Metadata_JCP2022`` (of a
reagent), ``Metadata_Symbol``, ``Metadata_gene``. Structures come from ``Metadata_SMILES`` where it is there, else from
the sources that know the identifier. Case does not matter.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from graphdb.files import replacing_file
from graphdb.schema import NodeType
from ingest.records import Perturbation, ProfileTable, Ref, SourceRecords, StructureTable, rejects_table
from ingest.sources._genes import gene_ref
from ingest.sources._read import MISSING_NUMBERS, finite_numbers, header, listing, read_matrix, shown, text_column
from ingest.sources._source import Source
from ingest.standardise.profiles import Aggregation, aggregate, clean, repeated_names

NAME = "profiles"
PREFIX = "metadata_"
Modality = Literal["morphology", "expression"]

COMPOUND_COLUMNS = {
    "jcp": ("jcp2022",),
    "brd": ("broad_sample", "pert_id", "broad_id"),
    "inchikey": ("inchikey",),
    "smiles": ("smiles",),
}
GENE_COLUMNS = {
    "ncbi": ("ncbi_gene_id",),
    "ensembl": ("ensembl_gene_id", "ensembl_id"),
    "symbol": ("jcp2022", "symbol", "gene", "gene_symbol"),
}
MOST_DESCRIPTION = 2**16  # bytes
NEGATIVE = ("negcon", "control", "ctl_vehicle", "ctl_untrt", "trt_ctl")
_BRD = re.compile(r"BRD-[A-Z][0-9]{8}")
_SPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Description:
    """What a table of profiles is.

    Attributes
    ----------
    path
        The table.
    feature_space
        Name of the feature space; letters, digits, ``.``, ``_``, ``-``.
    modality, perturbation, aggregate
        See the module.
    """

    path: Path
    feature_space: str
    modality: Modality = "morphology"
    perturbation: str = "compound"
    aggregate: Aggregation | Literal["none"] = "median"

    def __post_init__(self) -> None:
        if not _SPACE.fullmatch(self.feature_space):
            raise InputError(f"a feature space needs a plain name, got {shown(self.feature_space)}")
        for name, allowed in (
            ("modality", get_args(Modality)),
            ("perturbation", tuple(Perturbation)),
            ("aggregate", (*get_args(Aggregation), "none")),
        ):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name}: expected {', '.join(allowed)}, got {shown(getattr(self, name))}")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a description; its ``path`` is relative to it."""
        try:
            with path.open("rb") as file:
                text = file.read(MOST_DESCRIPTION + 1)
            if len(text) > MOST_DESCRIPTION:
                raise InputError(f"more than {MOST_DESCRIPTION:,} bytes are no description of profiles", path=path)
            content = tomllib.loads(text.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"not valid TOML ({error})", path=path) from None
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(content) - known)
        if unknown or not {"path", "feature_space"} <= set(content):
            wrong = f"unknown entry {shown(unknown[0])}" if unknown else "path and feature_space are needed"
            raise InputError(f"{wrong}; expected {', '.join(sorted(known))}", path=path)
        if not all(isinstance(value, str) for value in content.values()):
            raise InputError("every entry must be a text in quotes", path=path)
        if "\0" in content["path"]:
            raise InputError("path holds a byte 0x00", path=path)
        try:
            return cls(**{**content, "path": path.parent / Path(content["path"]).expanduser()})
        except (InputError, RuntimeError) as error:  # RuntimeError: ~ of a user that is not there
            raise InputError(str(error), path=path) from None

    def write(self, folder: Path, *, alone: bool) -> Path:
        """Write the description into `folder`; with `alone` it is the only one there afterwards."""
        file = folder / f"{self.feature_space}.toml"
        entries = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        with replacing_file(file) as temporary:
            # A JSON text is a TOML text.
            temporary.write_text(
                "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in entries.items())
            )
        for other in folder.glob("*.toml") if alone else ():
            if other != file:
                other.unlink()
        return file


def read(path: Path) -> SourceRecords:
    """Read the table, the description, or the descriptions of the folder `path`."""
    if path.is_dir():
        described = sorted(path.glob("*.toml"))
        if not described:
            raise InputError("no description of profiles (*.toml) in this folder", path=path)
    else:
        described = [path] if path.suffix == ".toml" else []
    descriptions = [Description.read(file) for file in described] or [Description(path, _stem(path))]
    parts = [read_profiles(description) for description in descriptions]
    return SourceRecords(
        structures=tuple(table for part in parts for table in part.structures),
        profiles=tuple(table for part in parts for table in part.profiles),
        rejects=pd.concat([part.rejects for part in parts], ignore_index=True),
        files=(*described, *(file for part in parts for file in part.files)),
    )


def read_profiles(description: Description) -> SourceRecords:
    """Read one table of profiles."""
    path = description.path
    described = [name for name in header(path) if name.lower().startswith(PREFIX)]
    if not described:
        raise InputError("no column begins with Metadata_; is this a table in pycytominer's form?", path=path, line=1)
    twice = [name for name, count in Counter(map(str.lower, set(described))).items() if count > 1]
    if twice:
        raise InputError(f"two columns {listing(twice[:1])} differ only in upper and lower case", path=path, line=1)
    matrix = read_matrix(path, text=described)
    if not matrix.columns:
        raise InputError("every column begins with Metadata_; there is no feature", path=path, line=1)
    rows = _Rows({name.lower().removeprefix(PREFIX): matrix.text[name] for name in described}, len(matrix.text))
    references = _references(rows, description)
    table = pd.DataFrame(
        {
            "line": matrix.text.index.to_numpy(),
            "record": _records(rows, matrix.text.index, _stem(path)),
            **references,
            "perturbation": description.perturbation,
            **_conditions(rows, path, matrix.text.index),
        }
    )
    reason = _reasons(rows, table, repeated_names(table["record"], matrix.values))
    bad = (reason != "").to_numpy(dtype=bool)
    profiles = ProfileTable(
        source=NAME,
        path=path,
        node_type=NodeType.MORPHOLOGY if description.modality == "morphology" else NodeType.EXPRESSION,
        feature_space=description.feature_space,
        columns=matrix.columns,
        column_genes=_column_genes(matrix.columns) if description.modality == "expression" else None,
        values=matrix.values[~bad],
        table=table[~bad].reset_index(drop=True),
    )
    rejects = [rejects_table(NAME, path, table["line"][bad], table["record"][bad], reason[bad])]
    if description.aggregate != "none":
        # Faulty rows must not enter a median; what is left is cleaned again with all other profiles.
        profiles, unclean = clean(profiles)
        rejects.append(unclean)
        conditions = [name for name in ("cell_line", "hours", "dose_um") if name in profiles.table]
        by = ["perturbation", "namespace", "value", *conditions]
        profiles = aggregate(profiles, by=by, how=description.aggregate)
        # Of two tables in one feature space each has a profile of the treatment.
        profiles.table["record"] = [f"{_stem(path)} {record}" for record in profiles.table["record"]]
    return SourceRecords(
        structures=_structures(rows, table[~bad], path),
        profiles=(profiles,),
        rejects=pd.concat(rejects, ignore_index=True),
        files=(path,),
    )


@dataclass(frozen=True)
class _Rows:
    """Metadata columns by their names in small letters, without the prefix."""

    columns: Mapping[str, pd.Series]
    n: int

    def first(self, *names: str) -> pd.Series:
        """Return the first of these columns that is there, as text; "" where missing, and all "" where none is."""
        for name in names:
            if name in self.columns:
                cells = self.columns[name].reset_index(drop=True)
                texts = ["" if pd.isna(cell) else str(cell).strip() for cell in cells]
                return pd.Series(["" if text in MISSING_NUMBERS else text for text in texts], dtype=object)
        return pd.Series([""] * self.n, dtype=object)

    def has(self, *names: str) -> bool:
        """Return whether one of these columns is there."""
        return any(name in self.columns for name in names)


def _references(rows: _Rows, description: Description) -> dict[str, pd.Series]:
    """Return ``namespace`` and ``value`` of what was perturbed, "" where a row names nothing."""
    options = COMPOUND_COLUMNS if description.perturbation == Perturbation.COMPOUND else GENE_COLUMNS
    namespace, value = (pd.Series([""] * rows.n, dtype=object) for _ in range(2))
    for name, columns in options.items():
        # Each column of its own: a row may lack what another has.
        for column in columns:
            cells = rows.first(column)
            if name == "brd":
                cells = cells.map(lambda text: found[0] if (found := _BRD.match(text)) else "")
            if name == "ncbi":
                cells = cells.str.removesuffix(".0")
            taken = (value == "") & (cells != "")
            namespace, value = namespace.mask(taken, name), value.mask(taken, cells)
    return {"namespace": namespace, "value": value}


def _conditions(rows: _Rows, path: Path, lines: pd.Index) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, columns in {
        "plate": ("plate", "plate_map_name"),
        "cell_line": ("cell_line", "cell_type", "cell_id"),
    }.items():
        if rows.has(*columns):
            found[name] = text_column(rows.first(*columns))
    for name, columns, factor in (
        ("hours", ("time", "timepoint", "pert_time", "hours"), 1.0),
        ("dose_um", ("mmoles_per_liter",), 1000.0),
        ("dose_um", ("dose_um", "conc_um", "concentration_um"), 1.0),
    ):
        if rows.has(*columns):
            cells = rows.first(*columns)
            there = cells != ""
            column = next(name for name in columns if name in rows.columns)
            numbers = np.full(rows.n, np.nan)
            numbers[there] = finite_numbers(
                cells.set_axis(lines)[there.to_numpy()], f"column Metadata_{column}: expected a number", path
            )
            found[name] = numbers * factor
    return found


def _records(rows: _Rows, lines: pd.Index, table: str) -> pd.Series:
    """Return the name of every row: plate and well where it has both, else its table and line."""
    plate, well = rows.first("plate"), rows.first("well")
    both = plate + " " + well
    return both.where((plate != "") & (well != ""), pd.Series([f"{table} line {line}" for line in lines], dtype=object))


def _reasons(rows: _Rows, table: pd.DataFrame, repeated: npt.NDArray[np.bool_]) -> pd.Series:
    """Return why a row cannot be used, "" where it can."""
    kind = rows.first("pert_type").str.lower().isin(NEGATIVE) | rows.first("control_type").str.lower().isin(NEGATIVE)
    solvent = rows.first("pert_iname").str.upper() == "DMSO"
    first = table[~repeated].set_index("record")["line"]
    return pd.Series(
        np.select(
            [kind | solvent, table["value"] == "", repeated],
            [
                "negative control",
                "no Metadata_ column says what was perturbed",
                "the well of line " + table["record"].map(first).astype(str) + " again",
            ],
            default="",
        ),
        dtype=object,
    )


def _structures(rows: _Rows, table: pd.DataFrame, path: Path) -> tuple[StructureTable, ...]:
    """Return the structures that the table itself gives, one row a compound."""
    smiles = rows.first("smiles")
    there = table[table["namespace"].isin(list(COMPOUND_COLUMNS)) & (smiles[table.index] != "")]
    if there.empty:
        return ()
    found = pd.DataFrame(
        {
            "line": there["line"],
            "namespace": there["namespace"],
            "value": there["value"],
            "smiles": smiles[there.index],
            "inchikey": rows.first("inchikey")[there.index],
            "name": rows.first("pert_iname", "compound", "compound_name")[there.index],
        }
    ).drop_duplicates(["namespace", "value", "smiles"])
    found = found.reset_index(drop=True)
    for name in ("inchikey", "name"):
        found[name] = text_column(found[name])
    return (StructureTable(NAME, path, found, is_node=False),)


def _column_genes(columns: tuple[str, ...]) -> tuple[Ref, ...]:
    return tuple(gene_ref(name) for name in columns)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[0]


SOURCE = Source(
    name=NAME,
    title="a laboratory's own profiles in pycytominer's form: Metadata_ columns and features",
    origin="the user's",
    licence="the user's",
    files=("*.csv | *.tsv | *.parquet | *.toml",),
    read=read,
)
