"""Two molecules side by side: ``python -m queries.compare Simvastatin Pravastatin``.

What both are joined to, how alike they are by each measure, and in which measured features they differ most.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from graphdb.console import run
from graphdb.errors import InfoAlignError, InputError
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from queries.answer import Answer, Section
from queries.feature_names import gene_symbols
from queries.fingerprints import fingerprint_of, fingerprint_space, tanimoto
from queries.graph import opened
from queries.molecule_query import Query, find_query
from queries.output import add_form_arguments, emit
from queries.profile_search import profiles_of, standardised
from queries.similar import embedding_of
from queries.structure import drawing

TOP = 10
_KEY = "coalesce(x.inchikey, x.ncbi_id, x.profile_id)"
_NAME = "coalesce(x.symbol, x.name, x.record, x.inchikey, x.profile_id)"
SHARED = (
    f"MATCH (a:{NodeType.MOLECULE} {{inchikey: $one}})-[r]-(x)-[s]-(b:{NodeType.MOLECULE} {{inchikey: $other}}) "
    f"RETURN labels(x)[0] AS node_type, {_KEY} AS key, {_NAME} AS name, type(r) AS first_edge, "
    "r.weight AS first_weight, type(s) AS second_edge, s.weight AS second_weight "
    "ORDER BY first_weight * second_weight DESC, name, first_edge, second_edge LIMIT $limit"
)
OWN = (
    f"MATCH (a:{NodeType.MOLECULE} {{inchikey: $one}})-[r]-(x:{NodeType.GENE}) "
    f"RETURN DISTINCT {_NAME} AS name, type(r) AS edge_type ORDER BY name, edge_type"
)
LIMIT = 200
SHARED_COLUMNS = ["node_type", "key", "name", "first_edge", "first_weight", "second_edge", "second_weight"]
FEATURE_COLUMNS = ["feature_space", "feature", "gene", "first", "second", "difference"]


@dataclass(frozen=True)
class Comparison(Answer):
    """Two molecules side by side.

    Attributes
    ----------
    one, other
        The molecules.
    shared
        Nodes that both are joined to, by which edges and weights; the heaviest first.
    likeness
        ``measure``, ``value``; NaN where it cannot be computed, and ``remark`` says why.
    genes
        Genes that one of the two alone is joined to: ``name``, ``edge_type``, ``of`` (its name).
    features
        For each feature space in which both are measured the features that differ most: ``feature_space``, ``feature``,
        ``gene`` (its symbol; only where features are named by NCBI gene ids), ``first``, ``second`` (means of their
        profiles), ``difference``, in standard deviations of the space.
    """

    one: Query
    other: Query
    shared: pd.DataFrame
    likeness: pd.DataFrame
    genes: pd.DataFrame
    features: pd.DataFrame

    @property
    def title(self) -> str:
        """Which two."""
        return f"{self.one.name} and {self.other.name}"

    def sections(self) -> Sequence[Section]:
        """Return what they share first."""
        pictures = Markup("").join(
            Markup('<span title="{}">{}</span>').format(query.name, drawing(query.smiles))
            for query in (self.one, self.other)
        )
        unmeasured = "" if len(self.features) else "No feature space has measured profiles of both."
        alone = "" if len(self.genes) else "Neither is joined to a gene that the other is not joined to."
        return [
            Section("shared", "What both are joined to", self.shared),
            Section("likeness", "How alike they are", self.likeness, pictures),
            Section("genes", "Genes of one of them alone", self.genes, note=alone),
            Section("features", "Features that differ most (standard deviations)", self.features, note=unmeasured),
        ]


def compare(store: GraphStore, one: str, other: str, *, top: int = TOP) -> Comparison:
    """Compare two molecules.

    Parameters
    ----------
    store
        The graph.
    one, other
        Molecules, as `queries.similar.similar` takes them; a structure that is not in the graph has no neighbours.
    top
        Features of each feature space.

    Raises
    ------
    InputError
        If one of them is no molecule, both are the same, or `top` is not positive.
    """
    if top < 1:
        raise InputError(f"expected at least one feature, got {top}")
    first, second = find_query(store, one), find_query(store, other)
    if first.inchikey == second.inchikey:
        raise InputError(f"{one!r} and {other!r} are the same molecule ({first.inchikey})")
    shared = store.read(SHARED, one=first.inchikey, other=second.inchikey, limit=LIMIT)
    return Comparison(
        first,
        second,
        pd.DataFrame(shared, columns=SHARED_COLUMNS).astype({"key": object}),
        pd.DataFrame(_likeness(store, first, second), columns=["measure", "value", "remark"]),
        _genes_of_one(store, first, second),
        _differing(store, first, second, top),
    )


def _likeness(store: GraphStore, one: Query, other: Query) -> list[tuple[str, float, str]]:
    rows = []
    for measure, compute in (
        ("Tanimoto of fingerprints", _tanimoto),
        ("cosine of embeddings", _cosine),
        ("atoms of the largest common structure, by those of the smaller one", _common_structure),
    ):
        try:
            rows.append((measure, compute(store, one, other), ""))
        except InfoAlignError as error:
            rows.append((measure, float("nan"), str(error)))
    return rows


def _tanimoto(store: GraphStore, one: Query, other: Query) -> float:
    space = fingerprint_space(store)
    return float(tanimoto(fingerprint_of(space, one), fingerprint_of(space, other)[None])[0])


def _cosine(store: GraphStore, one: Query, other: Query) -> float:
    first, second = embedding_of(store, one), embedding_of(store, other)
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def _common_structure(_: GraphStore, one: Query, other: Query) -> float:
    from rdkit import Chem
    from rdkit.Chem import rdFMCS

    molecules = [Chem.MolFromSmiles(query.smiles) for query in (one, other)]
    found = rdFMCS.FindMCS(molecules, timeout=2, ringMatchesRingOnly=True)
    return float(found.numAtoms / min(molecule.GetNumAtoms() for molecule in molecules))


def _genes_of_one(store: GraphStore, one: Query, other: Query) -> pd.DataFrame:
    first, second = (
        {(row["name"], row["edge_type"]) for row in store.read(OWN, one=query.inchikey)} for query in (one, other)
    )
    rows = [(*pair, one.name) for pair in sorted(first - second)]
    rows += [(*pair, other.name) for pair in sorted(second - first)]
    return pd.DataFrame(rows, columns=["gene", "edge_type", "of"])


def _differing(store: GraphStore, one: Query, other: Query, top: int) -> pd.DataFrame:
    rows = []
    try:
        matrices = [matrix for of_type in profiles_of(store).values() for matrix in of_type]
    except InfoAlignError:
        matrices = []  # no feature store: the section says that nothing is measured
    for matrix in matrices:
        of_one, of_other = (matrix.rows[matrix.owners == query.inchikey] for query in (one, other))
        if not len(of_one) or not len(of_other):
            continue
        scaled, symbols = standardised(matrix.space), gene_symbols(store, matrix.space)
        first, second = scaled[of_one].mean(axis=0), scaled[of_other].mean(axis=0)
        for column in np.argsort(-np.abs(first - second), kind="stable")[:top]:
            values = (float(first[column]), float(second[column]), float(second[column] - first[column]))
            name = matrix.space.columns[column]
            rows.append((matrix.space.name, name, symbols.get(name), *values))
    table = pd.DataFrame(rows, columns=FEATURE_COLUMNS)
    return table if table["gene"].notna().any() else table.drop(columns="gene")


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.compare", description=__doc__)
    parser.add_argument("one", help="a molecule: name, identifier, InChIKey, or any SMILES")
    parser.add_argument("other", help="another one")
    parser.add_argument("--top", type=int, default=TOP, help=f"features of each feature space (default {TOP})")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the comparison."""
    started = time.perf_counter()
    with opened() as store:
        found = compare(store, arguments.one, arguments.other, top=arguments.top)
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
