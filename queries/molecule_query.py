"""The molecule that a question is about."""

from __future__ import annotations

from dataclasses import dataclass

from graphdb.errors import InputError
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from queries.resolve import UnknownMoleculeError, resolve


@dataclass(frozen=True)
class Query:
    """The molecule that others are compared with.

    Attributes
    ----------
    inchikey, smiles, name
        Its standardised structure; its name, or its InChIKey if it is not in the graph.
    in_graph
        Whether the graph holds it.
    """

    inchikey: str
    smiles: str
    name: str
    in_graph: bool


def find_query(store: GraphStore, key: str) -> Query:
    """Return the molecule that `key` means, in the graph or not."""
    try:
        node = resolve(store, key)
    except UnknownMoleculeError as unknown:
        return Query(unknown.inchikey, unknown.smiles, unknown.inchikey, in_graph=False)
    if node.node_type is not NodeType.MOLECULE:
        raise InputError(f"{key!r} is a {node.node_type} ({node.name}); only molecules can be compared")
    return Query(str(node.key), str(node.properties["smiles"]), node.name, in_graph=True)
