"""The schema of the context graph: node types, edge types, their properties and keys. Said here, and nowhere else.

Source: InfoAlign (arXiv 2406.12056), section 3 and appendix B: four node types; perturbation, curated and
computational edges; weights in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

PropertyType = Literal["string", "integer", "float", "boolean", "strings"]

SCHEMA_VERSION = 1


class NodeType(StrEnum):
    """The node types, in the order of their codes in a snapshot (0, 1, 2, 3)."""

    MOLECULE = "Molecule"
    GENE = "Gene"
    MORPHOLOGY = "Morphology"
    EXPRESSION = "Expression"

    @property
    def code(self) -> int:
        """The number that stands for this type in ``Snapshot.node_type``."""
        return list(NodeType).index(self)


class EdgeType(StrEnum):
    """The edge types. All are undirected for walks; the database stores the direction that the words say."""

    HAS_MORPHOLOGY = "HAS_MORPHOLOGY"
    HAS_EXPRESSION = "HAS_EXPRESSION"
    INTERACTS = "INTERACTS"
    COVARIES = "COVARIES"
    REGULATES = "REGULATES"
    BINDS = "BINDS"
    UPREGULATES = "UPREGULATES"
    DOWNREGULATES = "DOWNREGULATES"
    TARGETS = "TARGETS"
    CHANGES_EXPRESSION = "CHANGES_EXPRESSION"
    SIMILAR_STRUCTURE = "SIMILAR_STRUCTURE"
    SIMILAR_MORPHOLOGY = "SIMILAR_MORPHOLOGY"
    SIMILAR_EXPRESSION = "SIMILAR_EXPRESSION"

    @property
    def code(self) -> int:
        """The number that stands for this type in ``Snapshot.typed``."""
        return list(EdgeType).index(self)


@dataclass(frozen=True)
class NodeSchema:
    """One node type in the database.

    Attributes
    ----------
    node_type
        The label.
    key
        Name of the property that identifies a node; unique, never null.
    properties
        Every property that ingest writes, the key included. (``learn.publish`` adds `PUBLISHED_PROPERTIES`.)
    indexed
        Properties that people look nodes up by.
    """

    node_type: NodeType
    key: str
    properties: Mapping[str, PropertyType]
    indexed: tuple[str, ...] = ()

    @property
    def key_type(self) -> PropertyType:
        """Type of the key."""
        return self.properties[self.key]


@dataclass(frozen=True)
class EdgeSchema:
    """One edge type in the database.

    Attributes
    ----------
    edge_type
        The relationship type.
    endpoints
        The (source, target) node types that it joins.
    symmetric
        Whether source and target may be exchanged; then the smaller key is stored as the source.
    identity
        Properties that, with the end points, tell one edge from another of the same type.
    properties
        Every property that ingest writes. All edges have ``weight``, a float in [0, 1], and their provenance:
        ``criterion`` (`MEASURED`, `SIMULATED`, `ANNOTATED`, or the rule that made a computed edge, with its numbers)
        and ``sources`` (which sources' records they rest on).
    """

    edge_type: EdgeType
    endpoints: tuple[tuple[NodeType, NodeType], ...]
    symmetric: bool
    identity: tuple[str, ...] = ()
    properties: Mapping[str, PropertyType] = field(default_factory=dict)


_PROFILE: Mapping[str, PropertyType] = {
    "profile_id": "string",
    "feature_space": "string",
    "source": "string",
    "record": "string",
    "perturbation": "string",
    "cell_line": "string",
    "hours": "float",
    "dose_um": "float",
    "plate": "string",
    "replicates": "integer",
    "simulated": "boolean",
}

NODES: Mapping[NodeType, NodeSchema] = {
    schema.node_type: schema
    for schema in (
        NodeSchema(
            NodeType.MOLECULE,
            key="inchikey",
            properties={
                "inchikey": "string",
                "smiles": "string",
                "name": "string",
                "synonyms": "strings",
                "chembl_ids": "strings",
                "drugbank_ids": "strings",
                "brd_ids": "strings",
                "jcp_ids": "strings",
                "sources": "strings",
            },
            indexed=("name",),
        ),
        NodeSchema(
            NodeType.GENE,
            key="ncbi_id",
            properties={"ncbi_id": "integer", "symbol": "string", "name": "string", "sources": "strings"},
            indexed=("symbol",),
        ),
        NodeSchema(NodeType.MORPHOLOGY, key="profile_id", properties=_PROFILE, indexed=("feature_space",)),
        NodeSchema(NodeType.EXPRESSION, key="profile_id", properties=_PROFILE, indexed=("feature_space",)),
    )
}

_M, _G, _P, _X = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY, NodeType.EXPRESSION
_CURATED: Mapping[str, PropertyType] = {"weight": "float", "criterion": "string", "sources": "strings"}
_SIMILAR: Mapping[str, PropertyType] = {**_CURATED, "feature_space": "string"}

EDGES: Mapping[EdgeType, EdgeSchema] = {
    schema.edge_type: schema
    for schema in (
        EdgeSchema(EdgeType.HAS_MORPHOLOGY, ((_M, _P), (_G, _P)), False, properties=_CURATED),
        EdgeSchema(EdgeType.HAS_EXPRESSION, ((_M, _X), (_G, _X)), False, properties=_CURATED),
        EdgeSchema(EdgeType.INTERACTS, ((_G, _G),), True, properties=_CURATED),
        EdgeSchema(EdgeType.COVARIES, ((_G, _G),), True, properties=_CURATED),
        EdgeSchema(EdgeType.REGULATES, ((_G, _G),), False, properties=_CURATED),
        EdgeSchema(EdgeType.BINDS, ((_M, _G),), False, properties=_CURATED),
        EdgeSchema(EdgeType.UPREGULATES, ((_M, _G),), False, properties=_CURATED),
        EdgeSchema(EdgeType.DOWNREGULATES, ((_M, _G),), False, properties=_CURATED),
        EdgeSchema(EdgeType.TARGETS, ((_M, _G),), False, properties=_CURATED),
        EdgeSchema(
            EdgeType.CHANGES_EXPRESSION,
            ((_M, _G), (_G, _G)),
            False,
            identity=("feature_space",),
            properties={**_SIMILAR, "value": "float"},
        ),
        EdgeSchema(EdgeType.SIMILAR_STRUCTURE, ((_M, _M),), True, identity=("feature_space",), properties=_SIMILAR),
        EdgeSchema(
            EdgeType.SIMILAR_MORPHOLOGY,
            ((_P, _P), (_G, _G)),
            True,
            identity=("feature_space",),
            properties=_SIMILAR,
        ),
        EdgeSchema(
            EdgeType.SIMILAR_EXPRESSION,
            ((_X, _X), (_G, _G)),
            True,
            identity=("feature_space",),
            properties=_SIMILAR,
        ),
    )
}

MEASURED, SIMULATED, ANNOTATED = "measured", "simulated", "annotated"
"""Criteria of edges that are not computed: a profile of a treatment (by an instrument, or not), and a curated fact."""

# Written by learn.publish, never by ingest; an ingest run leaves them as they are.
PUBLISHED_PROPERTIES: tuple[str, ...] = ("embedding", "embedding_model")
EMBEDDING_INDEX = "molecule_embedding"
EMBEDDING_DIMENSION = 300

# The one node that says what the graph holds. It is no part of the context graph.
META_LABEL = "ContextGraph"

FINGERPRINT_SPACE = "morgan-r4-1024"
EXPRESSION_LANDMARKS = 978

IDENTIFIER_PROPERTIES: Mapping[str, str] = {
    "chembl": "chembl_ids",
    "drugbank": "drugbank_ids",
    "brd": "brd_ids",
    "jcp": "jcp_ids",
}
"""Identifier namespace of a molecule → the Molecule property that lists them."""
