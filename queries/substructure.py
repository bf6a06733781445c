"""Molecules that contain a pattern: ``python -m queries.substructure '[#6]1:[#6]:[#7]:[#6]:[#7]:1'``.

All structures of the graph are kept in the workspace as an RDKit substructure library (pattern fingerprints sort out
most of them), made at the first search and again when a structure has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from graphdb.console import note, run
from graphdb.errors import InputError
from graphdb.files import replacing_file
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries.answer import Answer, Section
from queries.cached import OfGraph
from queries.graph import opened
from queries.names import read_nodes
from queries.output import add_form_arguments, emit
from queries.structure import drawing

if TYPE_CHECKING:
    from rdkit.Chem.rdSubstructLibrary import SubstructLibrary

LIMIT = 100
DRAWN = 12
COLUMNS = ["inchikey", "name", "smiles", "atoms"]
_CACHE = "structures"


@dataclass(frozen=True)
class Substructure(Answer):
    """Molecules with a pattern.

    Attributes
    ----------
    pattern
        SMARTS.
    molecules
        At most `limit` rows, by InChIKey: ``inchikey``, ``name``, ``smiles``, ``atoms`` (tuple: the atoms of the first
        match, 0-based in the order of the SMILES).
    found
        How many molecules contain it, as far as was looked.
    searched
        How many molecules the library holds.
    """

    pattern: str
    molecules: pd.DataFrame
    found: int
    searched: int
    drawn: int = field(default=DRAWN, repr=False)

    @property
    def title(self) -> str:
        """What was looked for."""
        return f"Molecules with {self.pattern}"

    def sections(self) -> Sequence[Section]:
        """Return the table, with pictures of the first ones."""
        pictures = Markup("").join(
            Markup('<figure style="display:inline-block"><figcaption>{}</figcaption>{}</figure>').format(
                name, drawing(smiles, 220, 160, atoms)
            )
            for name, smiles, atoms in zip(
                *(self.molecules[column].head(self.drawn) for column in ("name", "smiles", "atoms")), strict=True
            )
        )
        more = f", {len(self.molecules):,} shown" if self.found > len(self.molecules) else ""
        told = f"{self.found:,} of {self.searched:,} molecules contain it{more}."
        return [Section("molecules", "Molecules", self.molecules, pictures or None, told)]


@dataclass(frozen=True, eq=False)
class Library:
    """All structures of a graph, ready to be searched.

    Attributes
    ----------
    keys
        InChIKeys, ascending, in the order of the library.
    library
        RDKit's.
    """

    keys: Sequence[str]
    library: SubstructLibrary


def substructure(store: GraphStore, smarts: str, limit: int = LIMIT) -> Substructure:
    """Return the molecules of the graph that contain a pattern.

    Parameters
    ----------
    store
        The graph.
    smarts
        The pattern; a SMILES works too. Stereochemistry counts where the pattern has some.
    limit
        At most so many rows; all matches are counted.

    Raises
    ------
    InputError
        If the pattern cannot be read, or `limit` is not positive.
    """
    from rdkit import Chem, rdBase

    if limit < 1:
        raise InputError(f"expected at least one molecule, got {limit}")
    with rdBase.BlockLogs():
        pattern: Chem.Mol | None = Chem.MolFromSmarts(smarts) if smarts.strip() else None
    if pattern is None or not pattern.GetNumAtoms():
        raise InputError(f"{smarts!r} is no SMARTS pattern")
    made = library_of(store)
    matches = sorted(made.library.GetMatches(pattern, useChirality=True, maxResults=len(made.keys) + 1))
    chosen = [made.keys[place] for place in matches[:limit]]
    nodes = read_nodes(store, NodeType.MOLECULE, chosen)
    rows = []
    for key in chosen:
        smiles = str(nodes[key].properties["smiles"])
        atoms = tuple(Chem.MolFromSmiles(smiles).GetSubstructMatch(pattern, useChirality=True))
        rows.append((key, nodes[key].name, smiles, atoms))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return Substructure(smarts, table, len(matches), len(made.keys))


def _read(store: GraphStore) -> Library:
    """Load the library of this graph's structures from the workspace; make it where there is none."""
    folder = Workspace.default().cache
    keys, smiles = _structures(store)
    path = folder / f"{_CACHE}-{_digest(smiles)}.bin"
    if path.exists():
        return Library(keys, _load(path))
    note(f"preparing {len(keys):,} structures for the first search")
    library, kept = _make(keys, smiles)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{_CACHE}-*.bin"):
        old.unlink()
    with replacing_file(path) as temporary:
        temporary.write_bytes(library.Serialize())
    return Library(kept, library)


def _structures(store: GraphStore) -> tuple[list[str], list[str]]:
    keys, smiles = store.read_one(
        f"MATCH (m:{NodeType.MOLECULE}) WHERE m.smiles IS NOT NULL RETURN [collect(m.inchikey), collect(m.smiles)]"
    )
    pairs = sorted(zip(keys, smiles, strict=True))
    return [key for key, _ in pairs], [text for _, text in pairs]


def _make(keys: Sequence[str], smiles: Sequence[str]) -> tuple[Any, list[str]]:
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdSubstructLibrary

    # Canonical SMILES take a tenth of the memory of molecules; the graph's were written by RDKit.
    holder = rdSubstructLibrary.CachedTrustedSmilesMolHolder()
    patterns = rdSubstructLibrary.PatternHolder()
    with rdBase.BlockLogs():
        for text in smiles:
            molecule: Chem.Mol | None = Chem.MolFromSmiles(text)
            # What cannot be read keeps its place: the keys are counted by it.
            holder.AddSmiles(text if molecule is not None else "")
            patterns.AddMol(molecule if molecule is not None else Chem.Mol())
    return rdSubstructLibrary.SubstructLibrary(holder, patterns), list(keys)


def _load(path: Path) -> Any:
    from rdkit.Chem import rdSubstructLibrary

    # Its stubs call a pickle text; it is bytes.
    return rdSubstructLibrary.SubstructLibrary(path.read_bytes())  # type: ignore[call-overload]


def _digest(smiles: Sequence[str]) -> str:
    """Return what tells these structures, as this RDKit writes them down, from any other."""
    from rdkit import rdBase

    return hashlib.sha256("\n".join((rdBase.rdkitVersion, *smiles)).encode()).hexdigest()[:24]


_LIBRARIES = OfGraph(_read)
library_of = _LIBRARIES.of
"""Return the structures of a graph, loaded once in a process and made again when the graph has changed."""
forget = _LIBRARIES.forget


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.substructure", description=__doc__)
    parser.add_argument("smarts", help="the pattern (SMARTS; SMILES work too)")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"show at most this many (default {LIMIT})")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the molecules."""
    started = time.perf_counter()
    with opened() as store:
        found = substructure(store, arguments.smarts, arguments.limit)
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
