"""What nodes are called: the name that a person reads, and nodes as the queries return them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphdb.schema import NODES, NodeType
from graphdb.store import GraphStore

Key = str | int
"""InChIKey, profile id (str) or NCBI gene id (int)."""

_PROFILES = (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
_IDENTIFIERS = ("brd_ids", "jcp_ids", "chembl_ids", "drugbank_ids")


@dataclass(frozen=True)
class Node:
    """One node of the graph.

    Attributes
    ----------
    node_type, key
        Which node.
    name
        As `display_name` makes it.
    simulated
        True for a profile that no instrument measured.
    feature_space
        Of a profile; None for molecules and genes.
    properties
        The properties of the schema that the node has.
    """

    node_type: NodeType
    key: Key
    name: str
    simulated: bool = False
    feature_space: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)


def display_name(node_type: NodeType, properties: Mapping[str, Any], perturbed: str | None = None) -> str:
    """Return what to call a node.

    Molecule: its name, else its first identifier, else its InChIKey. Gene: its symbol, else ``ncbi:ID``. Profile:
    ``profile of`` what was perturbed.

    Parameters
    ----------
    node_type, properties
        The node.
    perturbed
        For a profile the name of the molecule or gene that it belongs to; None takes the source's name of the record.
    """
    if node_type is NodeType.GENE:
        return str(properties.get("symbol") or f"ncbi:{properties['ncbi_id']}")
    if node_type is NodeType.MOLECULE:
        identifiers = (properties.get(name) for name in _IDENTIFIERS)
        first = next((listed[0] for listed in identifiers if listed), None)
        return str(properties.get("name") or first or properties["inchikey"])
    return f"profile of {perturbed or properties.get('record') or properties['profile_id']}"


def read_nodes(store: GraphStore, node_type: NodeType, keys: Iterable[Key]) -> dict[Key, Node]:
    """Read nodes of one type by key; keys that are not in the graph are passed over."""
    schema = NODES[node_type]
    wanted = {"keys": list(keys)}
    fields = ", ".join(f"{name}: n.{name}" for name in schema.properties)
    match = f"UNWIND $keys AS key MATCH (n:{node_type} {{{schema.key}: key}})"
    rows = store.read(f"{match} RETURN {{{fields}}} AS properties", **wanted)
    perturbed: dict[Key, str] = {}
    if node_type in _PROFILES:
        for owner_type in (NodeType.GENE, NodeType.MOLECULE):
            owner = NODES[owner_type]
            owners = store.read(
                f"{match} MATCH (m:{owner_type})-[:HAS_{node_type.upper()}]->(n) "
                f"RETURN key, {{{', '.join(f'{name}: m.{name}' for name in owner.properties)}}} AS properties",
                **wanted,
            )
            perturbed |= {row["key"]: display_name(owner_type, row["properties"]) for row in owners}
    return {
        node.key: node
        for node in (
            as_node(node_type, row["properties"], perturbed.get(row["properties"][schema.key])) for row in rows
        )
    }


def as_node(node_type: NodeType, properties: Mapping[str, Any], perturbed: str | None = None) -> Node:
    """Return a node of the properties that the database gave."""
    present = {name: value for name, value in properties.items() if value is not None}
    return Node(
        node_type,
        present[NODES[node_type].key],
        display_name(node_type, present, perturbed),
        simulated=bool(present.get("simulated", False)),
        feature_space=present.get("feature_space"),
        properties=present,
    )
