"""How does a molecule act? ``python -m queries.mechanism Simvastatin --by expression``.

The molecules most like it (by measured expression or morphology, structure, or embedding) and what is known of these:
which genes do they act on more often than chance would have it? The background are the molecules that could have been
chosen, with at least one known gene: a molecule of which nobody knows anything is no evidence against a gene. What is
known of the molecule itself is not counted, and stands beside.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from graphdb.console import run
from graphdb.errors import InputError
from graphdb.holdout import BLOCK
from graphdb.schema import EdgeType, NodeType
from graphdb.store import GraphStore
from queries.answer import Answer, Section
from queries.cached import OfGraph
from queries.embeddings import embeddings_of
from queries.enrichment import enrichment
from queries.graph import opened
from queries.molecule_query import Query, find_query
from queries.output import add_form_arguments, emit
from queries.profile_search import profiles_of
from queries.similar import MEASURE, By, similar

NEIGHBOURS = 20
FDR = 0.1
ACTING = (EdgeType.TARGETS, EdgeType.BINDS, EdgeType.UPREGULATES, EdgeType.DOWNREGULATES)
"""Edges that say what a molecule acts on, or is known to change."""
DIRECT = (EdgeType.TARGETS, EdgeType.BINDS)
_KNOWN = (
    f"MATCH (m:{NodeType.MOLECULE})-[r:{'|'.join(ACTING)}]->(g:{NodeType.GENE}) "
    "RETURN [collect(m.inchikey), collect(coalesce(g.symbol, '')), collect(g.ncbi_id), collect(type(r))]"
)


@dataclass(frozen=True)
class Mechanism(Answer):
    """Genes that the molecules most like one act on.

    Attributes
    ----------
    query
        The molecule.
    by
        What "like" means.
    genes
        ``gene``, ``hits`` of ``chosen`` neighbours, ``with_label`` of ``background`` molecules, ``expected``, ``fold``,
        ``p``, ``fdr`` (see `queries.enrichment`), ``carried_by`` (tuple: names of the neighbours), ``known`` (the
        molecule itself is known to act on it).
    neighbours
        As `queries.similar.similar`, with ``genes`` (tuple of symbols), those without a known gene too.
    """

    query: Query
    by: By
    genes: pd.DataFrame
    neighbours: pd.DataFrame

    @property
    def title(self) -> str:
        """What was asked."""
        return f"Mechanism of {self.query.name} by the {self.by} of its neighbours"

    def sections(self) -> Sequence[Section]:
        """Return the enriched genes, then the neighbours."""
        informative = int((self.neighbours["genes"].map(len) > 0).sum())
        note = (
            f"{informative} of the {len(self.neighbours)} nearest molecules have a known gene."
            if len(self.genes)
            else "None of the nearest molecules has a known gene: try another --by, or more neighbours (-k)."
        )
        return [
            Section("genes", "Genes that its neighbours act on", self.genes, note=note),
            Section("neighbours", "Its neighbours", self.neighbours.drop(columns="smiles")),
        ]

    def warnings(self) -> Sequence[str]:
        """Return whether the profiles are simulated."""
        if "simulated" in self.neighbours and self.neighbours["simulated"].any():
            return ["SIMULATED, not measured: profiles that the neighbours were found by"]
        return ()


def mechanism(
    store: GraphStore,
    key: str,
    *,
    by: By = "expression",
    k: int = NEIGHBOURS,
    edge_types: Sequence[EdgeType] = DIRECT,
    max_fdr: float = 1.0,
) -> Mechanism:
    """Return which genes the molecules most like one act on more often than chance.

    Parameters
    ----------
    store
        The graph.
    key
        A molecule, as `queries.similar.similar` takes it.
    by
        What is compared to find its neighbours.
    k
        How many neighbours. Other forms of the same skeleton (salts, stereoisomers) are not among them: they would
        bring its own annotation back.
    edge_types
        What "act on" means, of `ACTING`.
    max_fdr
        Leave out genes with a larger false discovery rate.

    Raises
    ------
    InputError
        As `queries.similar.similar`; or if an edge type is none of `ACTING`.
    """
    if wrong := [kind for kind in edge_types if kind not in ACTING]:
        raise InputError(f"expected edge types of {', '.join(ACTING)}, got {', '.join(wrong)}")
    query = find_query(store, key)
    skeleton = query.inchikey[:BLOCK]
    # A few more, since its other forms fall out.
    found = similar(store, key, by, k + 20)
    found = found[~found["inchikey"].str.startswith(skeleton)].head(k).reset_index(drop=True)
    acts_on = _acting(store, edge_types)
    background = {
        molecule for molecule in _comparable(store, by) if molecule in acts_on and not molecule.startswith(skeleton)
    }
    carriers: dict[str, set[str]] = {}
    for molecule, symbols in acts_on.items():
        for symbol in symbols:
            carriers.setdefault(symbol, set()).add(molecule)
    table = enrichment(found["inchikey"].tolist(), background, carriers).rename(columns={"label": "gene"})
    names = dict(zip(found["inchikey"], found["name"], strict=True))
    own = {symbol for molecule, of_one in acts_on.items() if molecule.startswith(skeleton) for symbol in of_one}
    carried_by: list[object] = [
        tuple(name for molecule, name in names.items() if molecule in carriers[gene]) for gene in table["gene"]
    ]
    table = table.assign(carried_by=pd.Series(carried_by, dtype=object), known=table["gene"].isin(own))
    genes: list[object] = [tuple(sorted(acts_on.get(molecule, ()))) for molecule in found["inchikey"]]
    neighbours = found.assign(genes=pd.Series(genes, dtype=object))
    return Mechanism(query, by, table[table["fdr"] <= max_fdr].reset_index(drop=True), neighbours)


def _read_known(store: GraphStore) -> list[tuple[str, str, str]]:
    molecules, symbols, ids, kinds = store.read_one(_KNOWN)
    return [
        (molecule, symbol or f"ncbi:{ncbi_id}", kind)
        for molecule, symbol, ncbi_id, kind in zip(molecules, symbols, ids, kinds, strict=True)
    ]


known_of = OfGraph(_read_known).of
"""Return what molecules act on: (InChIKey, gene symbol, edge type), read once while the graph is the same."""


def _acting(store: GraphStore, edge_types: Sequence[EdgeType]) -> Mapping[str, set[str]]:
    wanted = {str(kind) for kind in edge_types}
    acts_on: dict[str, set[str]] = {}
    for molecule, symbol, kind in known_of(store):
        if kind in wanted:
            acts_on.setdefault(molecule, set()).add(symbol)
    return acts_on


def _comparable(store: GraphStore, by: By) -> set[str]:
    """Return the molecules that could have been found by this measure."""
    if by == "embedding":
        return set(embeddings_of(store).keys.tolist())
    if by == "fingerprint":
        keys = store.read_one(f"MATCH (m:{NodeType.MOLECULE}) RETURN collect(m.inchikey)")
        return set(keys)
    node_type = NodeType.MORPHOLOGY if by == "morphology" else NodeType.EXPRESSION
    return {str(owner) for matrix in profiles_of(store)[node_type] for owner in matrix.owners}


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.mechanism", description=__doc__)
    parser.add_argument("key", help="a molecule: name, identifier, InChIKey, or any SMILES")
    parser.add_argument("--by", choices=tuple(MEASURE), default="expression", help="what is compared (expression)")
    parser.add_argument("-k", type=int, default=NEIGHBOURS, help=f"how many neighbours (default {NEIGHBOURS})")
    parser.add_argument("--max-fdr", type=float, default=FDR, help=f"show genes up to this FDR (default {FDR:g})")
    parser.add_argument(
        "--edge-type",
        action="append",
        type=str.upper,
        choices=[str(kind) for kind in ACTING],
        metavar="TYPE",
        help=f"what counts as acting on a gene, of {', '.join(ACTING)}; may be repeated (default: {', '.join(DIRECT)})",
    )
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the genes."""
    started = time.perf_counter()
    kinds = [EdgeType(name) for name in arguments.edge_type] if arguments.edge_type else DIRECT
    with opened() as store:
        found = mechanism(
            store, arguments.key, by=arguments.by, k=arguments.k, edge_types=kinds, max_fdr=arguments.max_fdr
        )
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
