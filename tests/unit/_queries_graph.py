"""The small graph that the tests of `queries` look things up in."""

from __future__ import annotations

import pandas as pd

from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

M, G, P, X = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY, NodeType.EXPRESSION

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
SALICYLIC_ACID = "YGSDEFSMJLZEOE-UHFFFAOYSA-N"
PROPANE = "ATUOYWHBWRKTHZ-UHFFFAOYSA-N"
BUTANE = "IJDNQMDRQITEOD-UHFFFAOYSA-N"
BENZENE = "UHOVQNZJYSORNB-UHFFFAOYSA-N"
TOLUENE = "YXFVVABEGXRONW-UHFFFAOYSA-N"
ETHANOL = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"


def _molecules() -> pd.DataFrame:
    def row(inchikey, smiles, name=None, synonyms=(), chembl=(), drugbank=(), brd=(), jcp=()):
        lists = {"synonyms": synonyms, "chembl_ids": chembl, "drugbank_ids": drugbank, "brd_ids": brd, "jcp_ids": jcp}
        return {"inchikey": inchikey, "smiles": smiles, "name": name, "sources": ["hand"]} | {
            key: list(value) for key, value in lists.items()
        }

    return pd.DataFrame(
        [
            row(
                ASPIRIN,
                "CC(=O)Oc1ccccc1C(=O)O",
                "Aspirin",
                ["ASA", "Acetylsalicylic acid"],
                ["CHEMBL25"],
                ["DB00945"],
                ["BRD-K11433652"],
                ["JCP2022_000025"],
            ),
            row(SALICYLIC_ACID, "O=C(O)c1ccccc1O", "salicylic acid", brd=["BRD-K93632104-001-01-1"]),
            row(PROPANE, "CCC", "Twin", ["kat"]),
            row(BUTANE, "CCCC", "twin"),
            row(BENZENE, "c1ccccc1", "KIT"),
            row(TOLUENE, "Cc1ccccc1", "Kat", ["toluol [old]"]),
            row(ETHANOL, "CCO", jcp=["JCP2022_000007"]),
        ]
    )


def tables() -> GraphTables:
    genes = pd.DataFrame(
        [(1956, "EGFR"), (3815, "KIT"), (5743, "PTGS2"), (7, "HUB")], columns=["ncbi_id", "symbol"]
    ).assign(name=None, sources=[["hand"]] * 4)
    hub = pd.DataFrame({"inchikey": [f"HUB{number:011d}-AAAAAAAAAA-N" for number in range(300)]})
    hub = hub.assign(smiles="C", sources=[["hand"]] * len(hub))
    profiles = pd.DataFrame(
        [
            ("00000000000000a1", "plate-3", "compound", False, "well 1"),
            ("00000000000000a2", "plate-3", "compound", False, "well 2"),
            ("00000000000000a3", "plate-3-simulated", "compound", True, "well 3"),
            ("00000000000000a4", "plate-3", "crispr", False, "well 4"),
        ],
        columns=["profile_id", "feature_space", "perturbation", "simulated", "record"],
    ).assign(source="hand")
    expression = profiles.iloc[:1].assign(profile_id="1234567890123456", feature_space="l1000-978")

    def edges(rows, **properties):
        return pd.DataFrame(rows, columns=["src", "dst", "weight"]).assign(**properties)

    def curated(rows):
        return edges(rows, sources=[["hand"]] * len(rows))

    simulated = [(1956, 3815, 0.83)]
    return GraphTables(
        {M: pd.concat([_molecules(), hub], ignore_index=True), G: genes, P: profiles, X: expression},
        {
            EdgeKind(EdgeType.TARGETS, M, G): curated(
                [(ASPIRIN, 5743, 1.0), (SALICYLIC_ACID, 5743, 1.0), (TOLUENE, 7, 1.0)]
            ),
            EdgeKind(EdgeType.BINDS, M, G): curated(
                [(key, 7, round(1 - number / 1000, 3)) for number, key in enumerate(hub["inchikey"])]
            ),
            EdgeKind(EdgeType.HAS_MORPHOLOGY, M, P): curated(
                [
                    (ASPIRIN, "00000000000000a1", 1.0),
                    (SALICYLIC_ACID, "00000000000000a2", 1.0),
                    (ASPIRIN, "00000000000000a3", 1.0),
                ]
            ),
            EdgeKind(EdgeType.HAS_MORPHOLOGY, G, P): curated([(3815, "00000000000000a4", 1.0)]),
            EdgeKind(EdgeType.HAS_EXPRESSION, M, X): curated([(ASPIRIN, "1234567890123456", 1.0)]),
            EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, P, P): edges(
                [("00000000000000a1", "00000000000000a2", 0.9), ("00000000000000a1", "00000000000000a4", 0.8)],
                feature_space="plate-3",
            ),
            EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, G, G): edges(simulated, feature_space="plate-3-simulated-crispr"),
            EdgeKind(EdgeType.CHANGES_EXPRESSION, M, G): edges(
                [(ASPIRIN, 1956, 0.4)], value=-4.0, feature_space="l1000-978"
            ),
        },
    )
