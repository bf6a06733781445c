"""Everything about a molecule on one page: ``python -m queries.card Simvastatin --html card.html``.

What is known (identifiers, sources, targets, profiles, nearest molecules) and what is predicted (profiles, a user's own
models). A molecule that is not in the graph has a card too. What cannot be shown is a sentence that says what to do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from graphdb.console import run
from graphdb.errors import InfoAlignError
from graphdb.holdout import lists_with
from graphdb.schema import IDENTIFIER_PROPERTIES, NODES, NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries.answer import Answer, Section
from queries.graph import opened
from queries.molecule_query import Query, find_query
from queries.output import add_form_arguments, emit
from queries.predict_profile import predict_profile
from queries.similar import MEASURE, fused
from queries.structure import drawing

NEAREST = 8
TOP = 8
FACT_COLUMNS = ["what", "value"]
MODEL_COLUMNS = ["model", "label", "value", "spread", "similarity", "domain"]
TARGETS = (
    f"MATCH (m:{NodeType.MOLECULE} {{inchikey: $key}})-[r:TARGETS|BINDS]->(g:{NodeType.GENE}) "
    "RETURN g.symbol AS gene, g.name AS name, type(r) AS edge_type, r.sources AS sources "
    "ORDER BY edge_type DESC, gene LIMIT 200"
)
CHANGES = (
    f"MATCH (m:{NodeType.MOLECULE} {{inchikey: $key}})"
    f"-[r:UPREGULATES|DOWNREGULATES|CHANGES_EXPRESSION]->(g:{NodeType.GENE}) "
    "RETURN g.symbol AS gene, type(r) AS edge_type, r.weight AS weight, r.value AS value, r.sources AS sources "
    "ORDER BY weight DESC, edge_type, gene LIMIT 40"
)
PROFILES = (
    f"MATCH (m:{NodeType.MOLECULE} {{inchikey: $key}})-[:HAS_MORPHOLOGY|HAS_EXPRESSION]->(p) "
    "RETURN labels(p)[0] AS node_type, p.feature_space AS feature_space, p.record AS record, p.cell_line AS cell_line, "
    "p.dose_um AS dose_um, p.hours AS hours, p.replicates AS replicates, p.simulated AS simulated, "
    "p.profile_id AS profile_id ORDER BY node_type, feature_space, profile_id LIMIT 200"
)
_FIELDS = ", ".join(f"{name}: m.{name}" for name in NODES[NodeType.MOLECULE].properties)
PROPERTIES = f"MATCH (m:{NodeType.MOLECULE} {{inchikey: $key}}) RETURN {{{_FIELDS}}} AS properties"


@dataclass(frozen=True)
class Card(Answer):
    """A molecule on one page.

    Attributes
    ----------
    query
        The molecule.
    facts
        ``what``, ``value``: structure, identifiers, sources, descriptors.
    parts
        The other sections, in their order.
    remarks
        What to know first: not in the graph, held out, embeddings that are stale.
    """

    query: Query
    facts: pd.DataFrame
    parts: Sequence[Section] = field(default=(), repr=False)
    remarks: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Its name."""
        return self.query.name

    def sections(self) -> Sequence[Section]:
        """Return the facts with the structure, then the parts."""
        picture = drawing(self.query.smiles, 380, 260)
        return [Section("facts", "Structure and identifiers", self.facts, picture), *self.parts]

    def warnings(self) -> Sequence[str]:
        """Return the remarks."""
        return self.remarks


def card(store: GraphStore, key: str, *, predictions: bool = True) -> Card:
    """Return the card of a molecule.

    Parameters
    ----------
    store
        The graph.
    key
        A molecule, as `queries.similar.similar` takes it; it need not be in the graph.
    predictions
        Whether to ask the models: that takes seconds, the first time.

    Raises
    ------
    InputError
        If `key` is no molecule.
    """
    query = find_query(store, key)
    rows = store.read(PROPERTIES, key=query.inchikey)
    properties: dict[str, Any] = rows[0]["properties"] if rows else {}
    remarks = []
    if not query.in_graph:
        remarks.append("This molecule is not in the graph: it is placed by its nearest neighbours.")
    parts = []
    if query.in_graph:
        parts += [
            _section("genes", "Genes that it acts on", store.read(TARGETS, key=query.inchikey)),
            _section("changes", "Genes that it changes (at most 40)", store.read(CHANGES, key=query.inchikey)),
            _section("profiles", "Profiles", store.read(PROFILES, key=query.inchikey)),
        ]
    parts.append(_nearest(store, query))
    if predictions:
        parts += [_predicted(store, query), _models(query)]
    remarks += _held_out(query)
    return Card(query, _facts(query, properties), parts, remarks)


def _section(name: str, title: str, rows: list[dict[str, Any]]) -> Section:
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    return Section(name, title, table, note="" if rows else "None in this graph.")


def _facts(query: Query, properties: dict[str, Any]) -> pd.DataFrame:
    rows: list[tuple[str, str]] = [("InChIKey", query.inchikey), ("SMILES", query.smiles)]
    rows += [
        (what, ", ".join(values))
        for what, name in (
            ("synonyms", "synonyms"),
            *((f"{namespace} ids", name) for namespace, name in IDENTIFIER_PROPERTIES.items()),
            ("sources", "sources"),
        )
        if (values := properties.get(name))
    ]
    return pd.DataFrame(rows + descriptors(query.smiles), columns=FACT_COLUMNS, dtype=object)


def descriptors(smiles: str) -> list[tuple[str, str]]:
    """Return a few descriptors of a structure, and how many of Lipinski's rules (1997) it breaks."""
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    molecule: Chem.Mol | None = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return []
    weight, log_p = rdMolDescriptors._CalcMolWt(molecule), rdMolDescriptors.CalcCrippenDescriptors(molecule)[0]
    donors, acceptors = rdMolDescriptors.CalcNumHBD(molecule), rdMolDescriptors.CalcNumHBA(molecule)
    return [
        ("molecular weight", f"{weight:.2f}"),
        ("logP (Crippen)", f"{log_p:.2f}"),
        ("polar surface (Å²)", f"{rdMolDescriptors.CalcTPSA(molecule):.1f}"),
        ("hydrogen-bond donors, acceptors", f"{donors}, {acceptors}"),
        ("rules of five broken", str(sum((weight > 500, log_p > 5, donors > 5, acceptors > 10)))),
    ]


def _nearest(store: GraphStore, query: Query) -> Section:
    title = "Most similar molecules"
    text = query.inchikey if query.in_graph else query.smiles
    try:
        table = fused(store, text, tuple(MEASURE), NEAREST)
    except InfoAlignError as error:
        return Section("nearest", title, note=str(error))
    left_out = table.attrs["left_out"]
    compared = [by for by in MEASURE if by not in left_out]
    note = f"Ranks by {', '.join(compared)}, fused." + (f" Not by {', '.join(left_out)}." if left_out else "")
    return Section("nearest", title, table.drop(columns="smiles"), note=note)


def _predicted(store: GraphStore, query: Query) -> Section:
    title = "Predicted profile"
    try:
        found = predict_profile(store, query.inchikey if query.in_graph else query.smiles, top=TOP)
    except InfoAlignError as error:
        return Section("predicted", title, note=str(error))
    table = pd.concat([found.up, found.down.iloc[::-1]]).drop_duplicates("feature").reset_index(drop=True)
    simulated = " SIMULATED: no instrument measured what this decoder was trained with." if found.simulated else ""
    note = f"In {found.space}, the features that rise and fall most.{simulated} More: python -m queries.predict_profile"
    return Section("predicted", f"{title} in {found.space}", table, note=note)


def _models(query: Query) -> Section:
    """Return what the models of ``learn.predict`` in the workspace say."""
    title = "Predictions of your models"
    folder = Workspace.default().predictors
    files = sorted(folder.glob("*.pt")) if folder.is_dir() else []
    if not files:
        note = f"None in {folder.name}/ of the workspace: python -m learn.predict --task my.csv"
        return Section("models", title, note=note)
    from learn.predictor import Predictor

    rows: list[tuple[Any, ...]] = []
    for path in files:
        try:
            model = Predictor.load(path)
            said = model.predict([query.smiles])
        except InfoAlignError as error:
            rows.append((path.stem, "", None, None, None, str(error)))
            continue
        for place, name in enumerate(model.names):
            domain = "inside" if said.inside[0] else "outside: do not rely on it"
            values = (float(said.values[0, place]), float(said.spread[0, place]), float(said.similarity[0]))
            rows.append((path.stem, name, *values, domain))
    return Section("models", title, pd.DataFrame(rows, columns=MODEL_COLUMNS))


def _held_out(query: Query) -> list[str]:
    names = lists_with(Workspace.default().holdout, query.inchikey)
    return [f"Held out of pretraining, for {', '.join(names)}."] if names else []


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.card", description=__doc__)
    parser.add_argument("key", help="a molecule: name, identifier, InChIKey, or any SMILES")
    parser.add_argument("--no-predictions", action="store_true", help="leave the models out: faster")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the card."""
    started = time.perf_counter()
    with opened() as store:
        found = card(store, arguments.key, predictions=not arguments.no_predictions)
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
