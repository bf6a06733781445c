"""What a text may mean: ``python -m queries.find simvstatin``.

Where `queries.resolve` must decide, this lists: names, synonyms, symbols and identifiers that are, begin with or
contain the text, or are spelt like it; the node of a structure (SMILES, InChI), of a key. A structure that is not in
the graph is placed by the molecules nearest to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from graphdb.console import run
from graphdb.errors import InfoAlignError, InputError
from graphdb.store import GraphStore
from queries.answer import Answer, Section
from queries.graph import opened
from queries.name_index import names_of
from queries.output import add_form_arguments, emit
from queries.resolve import AmbiguousError, UnknownMoleculeError, resolve
from queries.similar import similar

LIMIT = 10
COLUMNS = ["node_type", "key", "name", "matched", "how", "score"]
_EXACT = 1.0


@dataclass(frozen=True)
class Candidates(Answer):
    """What a text may mean.

    Attributes
    ----------
    text
        It.
    nodes
        The candidates, the best first: ``node_type``, ``key``, ``name``, ``matched`` (the name that fits), ``how``
        (what that is), ``score`` (as in `queries.name_index.Suggestion`).
    inchikey, smiles
        Standardised structure of a molecule that is not in the graph; else "".
    nearest
        Molecules of the graph that are nearest to that one, as `queries.similar` lists them; None where it is in the
        graph or nothing can be compared.
    remark
        Why `nearest` is missing; else "".
    """

    text: str
    nodes: pd.DataFrame
    inchikey: str = ""
    smiles: str = ""
    nearest: pd.DataFrame | None = field(default=None, repr=False)
    remark: str = ""

    @property
    def title(self) -> str:
        """What was looked for."""
        return f"What {self.text!r} may mean"

    def sections(self) -> Sequence[Section]:
        """Return the candidates; for an unknown molecule its neighbours first."""
        candidates = Section("nodes", "Candidates", self.nodes)
        if not self.inchikey:
            return [candidates]
        note = f"{self.inchikey} ({self.smiles}) is not in the graph. {self.remark}".strip()
        return [Section("nearest", "Nearest molecules of the graph", self.nearest, note=note), candidates]


def find(store: GraphStore, text: str, limit: int = LIMIT) -> Candidates:
    """Return what a text may mean, at most `limit` nodes.

    Parameters
    ----------
    store
        The graph.
    text
        A name or a part of one, also misspelt; an identifier, a key, a SMILES, an InChI, a symbol.
    limit
        At most so many.

    Raises
    ------
    InputError
        If the text is empty or `limit` is not positive.
    """
    if not text.strip():
        raise InputError("expected a text to look for, got an empty one")
    if limit < 1:
        raise InputError(f"expected at least 1 result, got {limit}")
    # An ambiguous text is one of several readings of it: the others are found by their names below.
    unknown: UnknownMoleculeError | None = None
    exact = []
    try:
        exact = [resolve(store, text)]
    except AmbiguousError as several:
        exact = list(several.candidates)
    except UnknownMoleculeError as error:
        unknown = error
    except InputError:
        pass  # nothing is called so, as it is written: perhaps it is misspelt
    suggested = {(found.node_type, found.key): found for found in names_of(store).suggest(text, limit)}
    rows = []
    for node in exact:
        named = suggested.pop((node.node_type, node.key), None)
        matched, how = (named.matched, named.how) if named else (text.strip(), "structure or key")
        rows.append((str(node.node_type), node.key, node.name, matched, how, _EXACT))
    rows += [
        (str(found.node_type), found.key, found.name, found.matched, found.how, found.score)
        for found in suggested.values()
    ]
    nodes = pd.DataFrame(rows[:limit], columns=COLUMNS).astype({"key": object})
    if unknown is None:
        return Candidates(text, nodes)
    nearest, remark = _nearest(store, unknown.smiles, limit)
    return Candidates(text, nodes, unknown.inchikey, unknown.smiles, nearest, remark)


def _nearest(store: GraphStore, smiles: str, limit: int) -> tuple[pd.DataFrame | None, str]:
    """Return the molecules nearest to a structure, by embedding where the graph has any, and why there are none."""
    remark = ""
    for by in ("embedding", "fingerprint"):
        try:
            return similar(store, smiles, by, limit), f"Placed by {by}."
        except InfoAlignError as error:
            remark = str(error)
    return None, remark


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.find", description=__doc__)
    parser.add_argument("text", help="a name or a part of one, an identifier, a SMILES, a gene symbol or a key")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"at most this many (default {LIMIT})")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the candidates."""
    started = time.perf_counter()
    with opened() as store:
        found = find(store, arguments.text, arguments.limit)
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
