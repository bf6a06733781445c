"""The node types as py2neo objects, for people who know py2neo: ``Molecule.match(graph).where(name="aspirin")``.

py2neo has reached its end of life (last release 2021.2.4); nothing else here depends on it. `graphdb.ogm.as_py2neo`
opens its ``Graph``. Properties and edge types are those of `graphdb.schema`, so these classes follow it by themselves.
"""

from __future__ import annotations

from typing import Any

from py2neo.ogm import GraphObject, Property, RelatedFrom, RelatedTo

from graphdb.schema import EDGES, NODES, NodeType


def _members(node_type: NodeType) -> dict[str, Any]:
    """Return what the class of a node type is made of.

    An edge type of which it is the source is a ``RelatedTo`` of that name in lower case (``molecule.targets``), one of
    which it is the target a ``RelatedFrom`` with ``_of`` (``gene.targets_of``). Where an edge type leads to several
    node types, the name of the other one follows: ``gene.changes_expression_of_molecule``.
    """
    schema = NODES[node_type]
    members: dict[str, Any] = {
        "__primarylabel__": str(node_type),
        "__primarykey__": schema.key,
        "__doc__": f"A {node_type} of the context graph.",
        "__module__": __name__,
        **{name: Property() for name in schema.properties},
    }
    for edge_type, edge in EDGES.items():
        targets = [target for source, target in edge.endpoints if source == node_type]
        sources = [source for source, target in edge.endpoints if target == node_type]
        for others, kind, ending in ((targets, RelatedTo, ""), (sources, RelatedFrom, "_of")):
            for other in others:
                name = f"{edge_type.lower()}{ending}" + (f"_{other.lower()}" if len(others) > 1 else "")
                members[name] = kind(f"{__name__}.{other}", str(edge_type))
    return members


Molecule: Any = type("Molecule", (GraphObject,), _members(NodeType.MOLECULE))
Gene: Any = type("Gene", (GraphObject,), _members(NodeType.GENE))
Morphology: Any = type("Morphology", (GraphObject,), _members(NodeType.MORPHOLOGY))
Expression: Any = type("Expression", (GraphObject,), _members(NodeType.EXPRESSION))
