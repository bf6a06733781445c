"""Which molecule a reference means: identifiers of several sources → one node per standardised structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from graphdb.schema import IDENTIFIER_PROPERTIES
from ingest.grouping import bounds, lists
from ingest.records import REJECT_COLUMNS, StructureTable

Standardiser = Callable[[Sequence[tuple[str, str]]], pd.DataFrame]
"""(kind, text) pairs, kind ``smiles`` or ``inchi`` → a table of ``inchikey``, ``smiles``, ``reason``, row by row."""


@dataclass(frozen=True)
class MoleculeIndex:
    """Molecules by their identifiers.

    Attributes
    ----------
    known
        Columns ``namespace``, ``value``, ``inchikey``: one row an identifier whose structure could be used.
    reasons
        Columns ``namespace``, ``value``, ``reason``: one row an identifier whose structure could not.
    structures
        One row a structure that could be used: ``inchikey``, ``smiles`` (standardised), ``name``, ``synonyms``,
        ``source``, ``is_node`` and the identifier columns of `IDENTIFIER_PROPERTIES`.
    rejects
        Structures of molecule lists that could not be used, and identifiers with two structures.
    """

    known: pd.DataFrame
    reasons: pd.DataFrame
    structures: pd.DataFrame
    rejects: pd.DataFrame

    def resolve(self, namespace: pd.Series, value: pd.Series) -> pd.DataFrame:
        """Return ``inchikey`` (None where unknown) and ``reason`` (None where known) for references, row by row."""
        refs = pd.DataFrame({"namespace": namespace.to_numpy(object), "value": value.to_numpy(object)})
        merged = refs.merge(self.known, how="left", on=["namespace", "value"]).merge(
            self.reasons, how="left", on=["namespace", "value"]
        )
        unknown = merged["inchikey"].isna()
        unseen = "no structure for " + refs["namespace"] + " " + refs["value"].astype(str)
        reason = merged["reason"].where(merged["reason"].notna(), unseen).where(unknown, None)
        return pd.DataFrame(
            {"inchikey": merged["inchikey"].astype(object).where(~unknown, None), "reason": reason.astype(object)}
        )


def index_molecules(
    structures: Sequence[StructureTable], wanted: pd.DataFrame, standardise: Standardiser
) -> MoleculeIndex:
    """Standardise the structures that are needed and index them by identifier.

    Parameters
    ----------
    structures
        Structure tables of all sources; where two give one identifier different structures that of the source whose
        name comes first is used, and of two in one source the one whose InChIKey comes first.
    wanted
        Columns ``namespace``, ``value``: references of profiles and links. Rows of look-up tables that nothing
        refers to are not standardised.
    standardise
        Standardiser of a sequence of texts.
    """
    rows = _needed_rows(structures, wanted)
    texts = list(dict.fromkeys(zip(rows["kind"], rows["text"], strict=True)))
    texts = [(kind, text) for kind, text in texts if text is not None]
    standard = standardise(texts)
    standard = pd.DataFrame(
        {
            "kind": [kind for kind, _ in texts],
            "text": [text for _, text in texts],
            "inchikey": standard["inchikey"].to_numpy(object),
            "standard_smiles": standard["smiles"].to_numpy(object),
            "reason": standard["reason"].to_numpy(object),
        },
        dtype=object,
    )
    rows = rows.merge(standard, how="left", on=["kind", "text"])
    rows.loc[rows["text"].isna(), "reason"] = "the source gives no structure"
    usable = rows["inchikey"].notna()

    good = rows[usable]
    # Where two rows of one source give an identifier different structures, their order must not decide.
    first = good.sort_values(["source", "inchikey"], kind="stable").drop_duplicates(["namespace", "value"])
    known = first[["namespace", "value", "inchikey"]].reset_index(drop=True)
    bad = rows[~usable].drop_duplicates(["namespace", "value"])
    bad = bad.merge(known, how="left", on=["namespace", "value"], suffixes=("", "_known"))
    reasons = pd.DataFrame(
        {
            "namespace": bad["namespace"],
            "value": bad["value"],
            "reason": bad["reason"] + ": " + bad["namespace"] + " " + bad["value"].astype(str),
        }
    )[bad["inchikey_known"].isna().to_numpy()].reset_index(drop=True)

    used = good.merge(first[["namespace", "value", "inchikey"]], on=["namespace", "value"], suffixes=("", "_first"))
    conflicting = used["inchikey"] != used["inchikey_first"]
    kept = used[~conflicting]
    columns = ["inchikey", "name", "synonyms", "source", "is_node", *IDENTIFIER_PROPERTIES]
    return MoleculeIndex(
        known=known,
        reasons=reasons,
        structures=kept[columns].assign(smiles=kept["standard_smiles"]).reset_index(drop=True),
        rejects=_structure_rejects(rows[~usable & rows["is_node"].astype(bool)], used[conflicting]),
    )


def molecule_table(index: MoleculeIndex, used: pd.DataFrame) -> pd.DataFrame:
    """Return the Molecule nodes: each molecule of a list, and each that a usable record refers to.

    Parameters
    ----------
    index
        The molecules.
    used
        Columns ``inchikey``, ``source``: which molecules the records of which source refer to.

    Returns
    -------
    pandas.DataFrame
        The columns of ``graphdb.schema.NODES[Molecule]``, a row a molecule, sorted by InChIKey. Where records give
        different SMILES (protonation states have one InChIKey) the shortest, then alphabetically first, is taken; of
        different names that of the first source by name, there again the shortest, and the others are synonyms.
    """
    rows = index.structures
    wanted = set(used["inchikey"]) | set(rows.loc[rows["is_node"].astype(bool), "inchikey"])
    rows = rows[rows["inchikey"].isin(wanted)]
    sources = pd.concat(
        [used[["inchikey", "source"]], rows.loc[rows["is_node"].astype(bool), ["inchikey", "source"]]]
    ).drop_duplicates()
    # The order of rows in a file must not decide: of a source's names the shortest (a salt's name says the salt too).
    rows = rows.assign(_length=rows["name"].str.len())
    rows = rows.sort_values(["inchikey", "source", "_length", "name"], kind="stable")
    groups = bounds(rows["inchikey"])
    names = [_distinct(found) for found in lists(rows["name"], groups)]
    synonyms = [{item for more in found for item in more} for found in lists(rows["synonyms"], groups)]
    sources = sources.sort_values(["inchikey", "source"])
    listed = dict(
        zip(sources["inchikey"].drop_duplicates(), lists(sources["source"], bounds(sources["inchikey"])), strict=True)
    )
    keys = [rows["inchikey"].iat[found.start] for found in groups]
    table = pd.DataFrame({"inchikey": pd.Series(keys, dtype=object)})
    table["smiles"] = pd.Series(
        [min(found, key=lambda text: (len(text), text)) for found in lists(rows["smiles"], groups)], dtype=object
    )
    table["name"] = pd.Series([found[0] if found else None for found in names], dtype=object)
    table["synonyms"] = [
        sorted((set(found[1:]) | more) - set(found[:1])) for found, more in zip(names, synonyms, strict=True)
    ]
    for namespace, prop in IDENTIFIER_PROPERTIES.items():
        table[prop] = [sorted(_distinct(found)) for found in lists(rows[namespace], groups)]
    table["sources"] = [listed[key] for key in keys]
    return table


def _needed_rows(structures: Sequence[StructureTable], wanted: pd.DataFrame) -> pd.DataFrame:
    """Return one row a structure that is a node or that something refers to, in the order of `structures`."""
    refs = pd.MultiIndex.from_frame(wanted[["namespace", "value"]].astype(object))
    columns = ["line", "namespace", "value", "kind", "text", "name", "synonyms", *IDENTIFIER_PROPERTIES]
    parts = [pd.DataFrame(columns=[*columns, "source", "file", "is_node"], dtype=object)]
    for table in structures:
        rows = table.table
        if not table.is_node:
            rows = rows[pd.MultiIndex.from_frame(rows[["namespace", "value"]].astype(object)).isin(refs)]
        rows = rows.reset_index(drop=True)
        smiles, inchi = _texts(rows, "smiles"), _texts(rows, "inchi")
        part = pd.DataFrame({"line": rows["line"], "namespace": rows["namespace"], "value": _texts(rows, "value")})
        part = part.astype(object)
        part["kind"] = smiles.map(lambda text: "inchi" if text is None else "smiles").astype(object)
        part["text"] = smiles.where(smiles.notna(), inchi)
        part["name"] = _texts(rows, "name")
        part["synonyms"] = rows["synonyms"] if "synonyms" in rows else [()] * len(rows)
        for namespace in IDENTIFIER_PROPERTIES:
            part[namespace] = part["value"].where(part["namespace"] == namespace, _texts(rows, namespace))
        part["source"], part["file"], part["is_node"] = table.source, str(table.path), table.is_node
        parts.append(part.astype(object))
    return pd.concat(parts, ignore_index=True)


def _texts(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as Python strings with None for what is missing, blank, or not there at all."""
    if column not in rows:
        return pd.Series([None] * len(rows), index=rows.index, dtype=object)
    present = rows[column].notna()
    texts = [
        str(value) if there and str(value).strip() else None for value, there in zip(rows[column], present, strict=True)
    ]
    return pd.Series(texts, index=rows.index, dtype=object)


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def _structure_rejects(bad: pd.DataFrame, conflicting: pd.DataFrame) -> pd.DataFrame:
    other = "another structure for this identifier; the one that is used: " + conflicting["inchikey_first"]
    rows = pd.concat([bad.assign(kept=False), conflicting.assign(reason=other, kept=True)], ignore_index=True)
    return rows.rename(columns={"value": "key"})[list(REJECT_COLUMNS)]
