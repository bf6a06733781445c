"""Find the node that a person means: by name, identifier, structure, symbol or key.

Order of interpretation; the first that finds something decides:

1. what can be one thing only by its form: InChIKey, profile id (16 hexadecimal digits), ``ncbi:1956`` or an integer,
   JCP2022_, BRD-, DB and CHEMBL ids (in any case; BRD ids with or without batch suffix). If it is not in the graph,
   that is the answer: no other reading is tried.
2. a molecule's name or a gene's symbol, written as in the graph, in lower case, in upper case, or capitalised;
3. the same in any other mixture of cases;
4. a synonym of a molecule, in any case;
5. a structure: SMILES or standard InChI, standardised as ingest does, looked up by its InChIKey.

Several nodes in the decisive step are an error that lists them; a key (InChIKey, ``ncbi:ID``) always is unambiguous.

Steps 1 and 2 are index seeks, on Neo4j and on the embedded graph alike, but for the lists of identifiers; these, and
steps 3 and 4, read every Molecule (neither engine indexes the items of a list, nor ``toLower`` of a property).
Measurements: docs/decisions/0008-queries.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from graphdb.errors import GraphError, InputError
from graphdb.schema import IDENTIFIER_PROPERTIES, NODES, NodeType
from graphdb.store import GraphStore
from queries.graph import EMPTY, is_empty
from queries.name_index import kept_names, names_of
from queries.names import Key, Node, as_node, read_nodes

_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]", re.IGNORECASE)
_PROFILE = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)
_GENE = re.compile(r"(?:ncbi:\s*)?(\d{1,12})", re.IGNORECASE)
_IDENTIFIERS = {
    "jcp": re.compile(r"JCP2022_\d+", re.IGNORECASE),
    "brd": re.compile(r"BRD-[A-Z]\d{8}(?:-\d+)*", re.IGNORECASE),
    "drugbank": re.compile(r"DB\d{5}", re.IGNORECASE),
    "chembl": re.compile(r"CHEMBL\d+", re.IGNORECASE),
}
_BRD_CORE = len("BRD-K12345678")
# What names seldom have and SMILES often: then the chemist's reason is worth more than similar names.
_STRUCTURE = re.compile(r"^InChI=|[=#()\[\]@\\/]|[a-zA-Z]\d[a-zA-Z]")

MOST_LISTED = 8
CLOSE_NAMES = 5


class AmbiguousError(InputError):
    """A text that means several nodes.

    Attributes
    ----------
    text
        What was asked for.
    candidates
        These nodes, by key.
    """

    def __init__(self, text: str, candidates: Sequence[Node]) -> None:
        super().__init__(f"{text!r} is ambiguous: {_listed(candidates)}")
        self.text = text
        self.candidates = tuple(candidates)


class UnknownMoleculeError(InputError):
    """A valid structure of a molecule that is not in the graph.

    Attributes
    ----------
    text
        What was asked for.
    inchikey, smiles
        Its standardised structure.
    """

    def __init__(self, text: str, inchikey: str, smiles: str) -> None:
        super().__init__(f"{text!r} is the molecule {inchikey}, which is not in the graph")
        self.text = text
        self.inchikey = inchikey
        self.smiles = smiles


def resolve(store: GraphStore, text: str) -> Node:
    """Return the node that `text` means; the order of interpretation stands at the top of this file.

    Raises
    ------
    InputError
        If it means several nodes (they are listed) or none (similar names are listed).
    GraphError
        If the graph is empty.
    """
    text = text.strip()
    if not text:
        raise InputError("expected a name, an identifier, a SMILES or a gene symbol, got an empty text")
    by_form = _by_form(store, text)
    if by_form is not None:
        found = by_form
    else:
        found = _by_name(store, text) or _by_name_in_any_case(store, text) or _by_synonym(store, text)
    reason = ""
    if not found and by_form is None:
        found, reason = _by_structure(store, text)
    if len(found) > 1:
        raise AmbiguousError(text, found)
    if not found:
        _require_content(store)
        if reason and _STRUCTURE.search(text):
            raise InputError(f"{text!r} is neither a name in the graph nor a usable structure: {reason}")
        close = close_names(store, text)
        hint = f"; similar names: {', '.join(close)}" if close else ""
        raise InputError(f"{text!r} is not in the graph{hint}")
    return found[0]


def close_names(store: GraphStore, text: str) -> list[str]:
    """Return up to five names, synonyms and symbols that are spelt similarly, the most similar first."""
    return [found.matched for found in names_of(store).suggest(text, CLOSE_NAMES)]


def _by_form(store: GraphStore, text: str) -> list[Node] | None:
    """Return what is found for a text whose form says what it is; None for any other text."""
    if _INCHIKEY.fullmatch(text):
        return _by_key(store, NodeType.MOLECULE, text.upper())
    if _PROFILE.fullmatch(text):
        profiles = (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
        return [node for node_type in profiles for node in _by_key(store, node_type, text.lower())]
    if gene := _GENE.fullmatch(text):
        return _by_key(store, NodeType.GENE, int(gene[1]))
    for namespace, form in _IDENTIFIERS.items():
        if form.fullmatch(text):
            return _by_identifier(store, namespace, text.upper())
    return None


def _by_key(store: GraphStore, node_type: NodeType, key: Key) -> list[Node]:
    return list(read_nodes(store, node_type, [key]).values())


def _by_identifier(store: GraphStore, namespace: str, identifier: str) -> list[Node]:
    names = kept_names(store)
    if names is not None and (keys := names.identified(namespace, identifier)):
        # Neither engine indexes the items of a list: a process that has the names need not read every molecule.
        return list(read_nodes(store, NodeType.MOLECULE, keys).values())
    prop = IDENTIFIER_PROPERTIES[namespace]
    found = _molecules(store, f"$text IN n.{prop}", text=identifier)
    if namespace == "brd" and not found:
        # The digits name the compound, what follows them its salt and batch: either side may lack that.
        core = identifier[:_BRD_CORE]
        found = _molecules(store, f"any(id IN n.{prop} WHERE id STARTS WITH $text)", text=core)
    return found


def _by_structure(store: GraphStore, text: str) -> tuple[list[Node], str]:
    """Return what is found for a SMILES or InChI, and why `text` is no usable one ("" if it is)."""
    # RDKit takes a second to import, and most questions are not structures.
    from ingest.standardise.molecules import Rejected, standardise

    kind = "inchi" if text.startswith("InChI=") else "smiles"
    try:
        molecule = standardise(text, kind)
        found = _by_key(store, NodeType.MOLECULE, molecule.inchikey)
        # The graph may have been made with the canonical tautomers.
        found = found or _by_key(store, NodeType.MOLECULE, standardise(text, kind, "canonical").inchikey)
    except Rejected as reason:
        return [], str(reason)
    if not found:
        _require_content(store)
        raise UnknownMoleculeError(text, molecule.inchikey, molecule.smiles)
    return found, ""


def _by_name(store: GraphStore, text: str) -> list[Node]:
    written = _named(store, [text])
    return written or _named(store, sorted({text.lower(), text.upper(), text.capitalize(), text.title()}))


def _named(store: GraphStore, names: list[str]) -> list[Node]:
    return _molecules(store, "n.name IN $names", names=names) + _genes(store, "n.symbol IN $names", names=names)


def _by_name_in_any_case(store: GraphStore, text: str) -> list[Node]:
    lower = text.lower()
    return _molecules(store, "toLower(n.name) = $text", text=lower) + _genes(
        store, "toLower(n.symbol) = $text", text=lower
    )


def _by_synonym(store: GraphStore, text: str) -> list[Node]:
    return _molecules(store, "any(name IN n.synonyms WHERE toLower(name) = $text)", text=text.lower())


def _molecules(store: GraphStore, condition: str, **parameters: Any) -> list[Node]:
    return _matching(store, NodeType.MOLECULE, condition, parameters)


def _genes(store: GraphStore, condition: str, **parameters: Any) -> list[Node]:
    return _matching(store, NodeType.GENE, condition, parameters)


def _matching(store: GraphStore, node_type: NodeType, condition: str, parameters: dict[str, Any]) -> list[Node]:
    schema = NODES[node_type]
    fields = ", ".join(f"{name}: n.{name}" for name in schema.properties)
    rows = store.read(
        f"MATCH (n:{node_type}) WHERE {condition} RETURN {{{fields}}} AS properties ORDER BY n.{schema.key}",
        **parameters,
    )
    return [as_node(node_type, row["properties"]) for row in rows]


def _listed(nodes: Iterable[Node]) -> str:
    listed = [f"{node.name} ({node.node_type} {key_text(node)})" for node in nodes]
    more = f", and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return ", ".join(listed[:MOST_LISTED]) + more


def key_text(node: Node) -> str:
    """Return the key of a node as `resolve` takes it."""
    return f"ncbi:{node.key}" if node.node_type is NodeType.GENE else str(node.key)


def _require_content(store: GraphStore) -> None:
    if is_empty(store):
        raise GraphError(EMPTY)
