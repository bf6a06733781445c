"""The dear stages of an ingest, each with its cache: standardisation, fingerprints, molecule graphs, similar pairs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from graphdb import molecule_graphs as graph_arrays
from graphdb.molecule_graphs import MoleculeGraphs
from ingest.cache import RecordCache, code_version
from ingest.edges import best_pairs, bits, cosine, known_pairs
from ingest.edges.known_pairs import PairCache
from ingest.features import fingerprints, molecule_graph
from ingest.standardise import _counterions, molecules
from ingest.standardise.molecules import KEEP, Tautomers

ATOM_BYTES, BOND_ENDS_BYTES, BOND_BYTES = 9, 8, 3
"""Of a molecule graph: nine features an atom; two int32 and three features a directed bond."""


@dataclass(frozen=True)
class Cached:
    """Computes, or finds again what was computed.

    Attributes
    ----------
    folder
        ``cache/`` of the workspace; None: everything is computed, and nothing is kept.
    scheduler
        Address of a Dask scheduler; None: processes on this machine.
    """

    folder: Path | None = None
    scheduler: str | None = None

    def standardise(self, texts: Sequence[tuple[str, str]], tautomers: Tautomers = KEEP) -> tuple[pd.DataFrame, int]:
        """Return what `standardise_table` returns for (kind, text) pairs, and how many had to be computed."""
        table = pd.DataFrame({"kind": [kind for kind, _ in texts], "text": [text for _, text in texts]}, dtype=object)
        found = pd.DataFrame(index=table.index, columns=["inchikey", "smiles", "reason"], dtype=object)
        computed = 0
        version = code_version([molecules, _counterions], ["rdkit"], tautomers)
        for kind in ("smiles", "inchi"):
            rows = (table["kind"] == kind).to_numpy(dtype=bool)
            distinct = list(dict.fromkeys(table["text"][rows]))

            def compute(part: Sequence[str], kind: str = kind) -> pa.Table:
                done = molecules.standardise_table(
                    [(kind, text) for text in part], scheduler=self.scheduler, tautomers=tautomers
                )
                return pa.table({name: pa.array(done[name], pa.large_string()) for name in done})

            cache = RecordCache(self._place(f"standard-{kind}", version))
            answers, new = cache(distinct, compute)
            computed += new
            places = {text: place for place, text in enumerate(distinct)}
            taken = answers.take(pa.array([places[text] for text in table["text"][rows]], pa.int64()))
            for name in found:
                found.loc[rows, name] = np.array([*taken[name].to_pylist(), None], dtype=object)[:-1]
        return found, computed

    def fingerprints(self, smiles: Sequence[str]) -> tuple[npt.NDArray[np.uint8], int]:
        """Return the fingerprints (n, 128) uint8 of n structures, and how many had to be computed."""
        width = fingerprints.SIZE // 8

        def compute(part: Sequence[str]) -> pa.Table:
            packed = np.ascontiguousarray(fingerprints.morgan_bits(part, scheduler=self.scheduler))
            column = pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(width), len(packed), [None, pa.py_buffer(packed.tobytes())]
            )
            return pa.table({"bits": column})

        cache = RecordCache(self._place("fingerprints", code_version([fingerprints], ["rdkit"])))
        distinct, places = _distinct(smiles)
        answers, new = cache(distinct, compute)
        column = answers["bits"].combine_chunks()
        packed = np.frombuffer(column.buffers()[1], dtype=np.uint8)[column.offset * width :]
        return packed[: len(column) * width].reshape(-1, width)[places], new

    def graphs(self, smiles: Sequence[str], keys: Sequence[str]) -> tuple[MoleculeGraphs, int]:
        """Return the molecule graphs of n structures under `keys`, and how many had to be computed."""

        def compute(part: Sequence[str]) -> pa.Table:
            return _as_table(molecule_graph.featurise(part, scheduler=self.scheduler))

        version = code_version([molecule_graph, graph_arrays], ["rdkit"])
        distinct, places = _distinct(smiles)
        answers, new = RecordCache(self._place("molecule-graphs", version))(distinct, compute)
        return _as_graphs(answers.take(places), keys).with_smiles(smiles), new

    def pairs(self, name: str, least: float) -> PairCache:
        """Return where the similar pairs of a feature space are kept, which have a cosine of at least `least`."""
        version = code_version([best_pairs, bits, cosine, known_pairs], ["numpy"], repr(least))
        return PairCache(self._place("similar-pairs", name, version, "pairs.npz"))

    def clear(self) -> None:
        """Forget everything."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, *names: str) -> Path | None:
        return None if self.folder is None else self.folder.joinpath(*names)


def _distinct(texts: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the distinct texts, and the place of each text among them."""
    places: dict[str, int] = {}
    found = [places.setdefault(text, len(places)) for text in texts]
    return list(places), np.array(found, dtype=np.int64)


def _as_table(graphs: MoleculeGraphs) -> pa.Table:
    """Return graphs as a row of bytes each."""
    return pa.table(
        {
            "atoms": _rows_of_bytes(graphs.atom_features, graphs.atom_offsets, ATOM_BYTES),
            "ends": _rows_of_bytes(graphs.bond_index.T, graphs.bond_offsets, BOND_ENDS_BYTES),
            "bonds": _rows_of_bytes(graphs.bond_features, graphs.bond_offsets, BOND_BYTES),
        }
    )


def _rows_of_bytes(values: npt.NDArray[np.generic], offsets: npt.NDArray[np.int64], width: int) -> pa.Array:
    data = np.ascontiguousarray(values).tobytes()
    buffers = [None, pa.py_buffer((offsets * width).tobytes()), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _as_graphs(table: pa.Table, keys: Sequence[str]) -> MoleculeGraphs:
    atoms, atom_offsets = _bytes_of_rows(table["atoms"], ATOM_BYTES)
    ends, bond_offsets = _bytes_of_rows(table["ends"], BOND_ENDS_BYTES)
    bonds, _ = _bytes_of_rows(table["bonds"], BOND_BYTES)
    return MoleculeGraphs(
        atom_features=atoms.reshape(-1, ATOM_BYTES),
        bond_index=np.ascontiguousarray(ends.view("<i4").reshape(-1, 2).T),
        bond_features=bonds.reshape(-1, BOND_BYTES),
        atom_offsets=atom_offsets,
        bond_offsets=bond_offsets,
        keys=np.array(keys, dtype=np.str_),
    )


def _bytes_of_rows(column: pa.ChunkedArray, width: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the bytes of all rows, and where each row begins, counted in items of `width` bytes."""
    rows = column.combine_chunks()
    if isinstance(rows, pa.ChunkedArray):  # of no chunk at all
        rows = pa.concat_arrays(rows.chunks) if rows.num_chunks else pa.array([], pa.large_binary())
    offsets = np.frombuffer(rows.buffers()[1], dtype=np.int64)[rows.offset : rows.offset + len(rows) + 1]
    if len(offsets) == 0:
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    data = rows.buffers()[2]
    whole = np.empty(0, np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return whole[offsets[0] : offsets[-1]].copy(), (offsets - offsets[0]) // width
