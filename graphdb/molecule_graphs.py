"""Molecule graphs as packed arrays: what the encoder reads, so that training needs no chemistry package.

Features are the nine atom and three bond features of OGB (github.com/snap-stanford/ogb, ``ogb/utils/features.py``), as
indices into its lists of values. `ingest.features.molecule_graph` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from graphdb.arrays import Strings, check_schema_version, has_dtype, positions, read_arrays, write_arrays
from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_manifest, replacing_folder, write_manifest
from graphdb.schema import SCHEMA_VERSION

KIND = "set of molecule graphs"
MADE_BY = "python -m ingest.all"

ATOM_FEATURE_SIZES = (119, 5, 12, 12, 10, 6, 6, 2, 2)
BOND_FEATURE_SIZES = (5, 6, 2)

Offsets = npt.NDArray[np.int64]

_DTYPES: Mapping[str, npt.DTypeLike] = {
    "atom_features": np.uint8,
    "bond_index": np.int32,
    "bond_features": np.uint8,
    "atom_offsets": np.int64,
    "bond_offsets": np.int64,
    "keys": np.str_,
}
_TEXT_DTYPES: Mapping[str, npt.DTypeLike] = {"smiles_bytes": np.uint8, "smiles_offsets": np.int64}
"""Arrays that artefacts of earlier versions lack."""


@dataclass(frozen=True, eq=False)
class MoleculeGraphs:
    """n molecules, one after the other, with A atoms and E directed bonds in all.

    Attributes
    ----------
    atom_features
        (A, 9) uint8.
    bond_index
        (2, E) int32: source and target atom, counted from 0 within the molecule; each bond stands in both directions.
    bond_features
        (E, 3) uint8.
    atom_offsets, bond_offsets
        (n + 1,) int64: molecule i has the atoms ``atom_offsets[i]:atom_offsets[i + 1]``; likewise for bonds.
    keys
        (n,) str, InChIKeys. A batch may hold a molecule more than once.
    smiles_bytes, smiles_offsets
        (S,) uint8 and (n + 1,) int64: molecule i is written ``smiles_bytes[smiles_offsets[i]:smiles_offsets[i + 1]]``,
        in UTF-8; both None where that is not known. A NumPy array of texts would give every molecule the room of the
        longest: 378 MB for the 116,753 compounds of JUMP, whose SMILES are 5 MB.
    """

    atom_features: npt.NDArray[np.uint8]
    bond_index: npt.NDArray[np.int32]
    bond_features: npt.NDArray[np.uint8]
    atom_offsets: Offsets
    bond_offsets: Offsets
    keys: Strings
    smiles_bytes: npt.NDArray[np.uint8] | None = None
    smiles_offsets: Offsets | None = None

    def __len__(self) -> int:
        """Return the number of molecules n."""
        return len(self.keys)

    def index_of(self, keys: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the rows of these keys, -1 where there is none, (k,) int32. The keys here must be unique."""
        return positions(self.keys, keys)

    def smiles(self) -> list[str] | None:
        """Return the n SMILES, None where they are not known."""
        if self.smiles_bytes is None or self.smiles_offsets is None:
            return None
        text, offsets = self.smiles_bytes.tobytes(), self.smiles_offsets.tolist()
        return [text[begin:end].decode() for begin, end in pairwise(offsets)]

    def with_smiles(self, smiles: Sequence[str]) -> Self:
        """Return the same molecules with their SMILES (n)."""
        if len(smiles) != len(self):
            raise InputError(f"molecule graphs: {len(self)} molecules, but {len(smiles)} SMILES")
        encoded = [text.encode() for text in smiles]
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        return replace(self, smiles_bytes=np.frombuffer(b"".join(encoded), dtype=np.uint8), smiles_offsets=offsets)

    def take(self, rows: npt.ArrayLike) -> MoleculeGraphs:
        """Return the molecules `rows` (k,) in this order, as arrays of their own; a row may stand there again."""
        wanted = np.asarray(rows, dtype=np.int64)
        # NumPy would take -1, which `index_of` returns for an absent key, as the last molecule.
        wrong = wanted[(wanted < 0) | (wanted >= len(self))]
        if len(wrong):
            raise InputError(f"molecule graphs: there is no row {wrong[0]}, there are {len(self)} molecules")
        atoms, atom_offsets = _ranges(self.atom_offsets, wanted)
        bonds, bond_offsets = _ranges(self.bond_offsets, wanted)
        letters, letter_offsets = None, None
        if self.smiles_bytes is not None and self.smiles_offsets is not None:
            places, letter_offsets = _ranges(self.smiles_offsets, wanted)
            letters = self.smiles_bytes[places]
        return MoleculeGraphs(
            atom_features=self.atom_features[atoms],
            bond_index=self.bond_index[:, bonds],
            bond_features=self.bond_features[bonds],
            atom_offsets=atom_offsets,
            bond_offsets=bond_offsets,
            keys=self.keys[wanted],
            smiles_bytes=letters,
            smiles_offsets=letter_offsets,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[MoleculeGraphs]) -> Self:
        """Return the molecules of all `parts`, one part after the other; no parts give no molecules.

        SMILES are known where those of all parts are.
        """
        letters = [part.smiles_bytes for part in parts if part.smiles_bytes is not None]
        letter_offsets = [part.smiles_offsets for part in parts if part.smiles_offsets is not None]
        known = len(letters) == len(letter_offsets) == len(parts)
        return cls(
            atom_features=np.concatenate([np.empty((0, 9), np.uint8), *(part.atom_features for part in parts)]),
            bond_index=np.concatenate([np.empty((2, 0), np.int32), *(part.bond_index for part in parts)], axis=1),
            bond_features=np.concatenate([np.empty((0, 3), np.uint8), *(part.bond_features for part in parts)]),
            atom_offsets=_joined([part.atom_offsets for part in parts]),
            bond_offsets=_joined([part.bond_offsets for part in parts]),
            keys=np.concatenate([np.empty(0, np.str_), *(part.keys for part in parts)]),
            smiles_bytes=np.concatenate([np.empty(0, np.uint8), *letters]) if known else None,
            smiles_offsets=_joined(letter_offsets) if known else None,
        )

    def validate(self) -> None:
        """Check that the arrays fit each other.

        Raises
        ------
        InputError
            If a shape or dtype is wrong, offsets do not ascend over the whole arrays, a molecule has no atom, a bond
            leaves its molecule or lacks its other direction, a feature is beyond the size of its list, or a SMILES is
            empty.
        """
        n = len(self.keys)
        atoms, bonds = len(self.atom_features), len(self.bond_features)
        shapes: dict[str, tuple[int, ...]] = {
            "atom_features": (atoms, len(ATOM_FEATURE_SIZES)),
            "bond_index": (2, bonds),
            "bond_features": (bonds, len(BOND_FEATURE_SIZES)),
            "atom_offsets": (n + 1,),
            "bond_offsets": (n + 1,),
            "keys": (n,),
        }
        if (self.smiles_bytes is None) != (self.smiles_offsets is None):
            raise InputError("molecule graphs: the SMILES need both their bytes and their offsets")
        ranges = [("atom", self.atom_offsets, atoms), ("bond", self.bond_offsets, bonds)]
        if self.smiles_bytes is not None and self.smiles_offsets is not None:
            shapes |= {"smiles_bytes": self.smiles_bytes.shape[:1], "smiles_offsets": (n + 1,)}
            ranges.append(("SMILES", self.smiles_offsets, len(self.smiles_bytes)))
        for name, shape in shapes.items():
            array, dtype = getattr(self, name), {**_DTYPES, **_TEXT_DTYPES}[name]
            if array.shape != shape or not has_dtype(array, dtype):
                expected = f"expected {np.dtype(dtype).name} of shape {shape}"
                raise InputError(f"molecule graphs: {name}: {expected}, got {array.dtype} of shape {array.shape}")
        for name, offsets, total in ranges:
            if offsets[0] != 0 or offsets[-1] != total or (np.diff(offsets) < 0).any():
                raise InputError(f"molecule graphs: the {name} offsets do not go from 0 to {total} in ascending order")
        self._fail_at(np.diff(self.atom_offsets) == 0, "has no atom")
        if self.smiles_offsets is not None:
            self._fail_at(np.diff(self.smiles_offsets) == 0, "has an empty SMILES")
        for name, features, sizes in (
            ("atom", self.atom_features, ATOM_FEATURE_SIZES),
            ("bond", self.bond_features, BOND_FEATURE_SIZES),
        ):
            if (features >= np.array(sizes)).any():
                raise InputError(f"molecule graphs: {name} features beyond the sizes {sizes} of their lists")
        molecule = np.repeat(np.arange(n), np.diff(self.bond_offsets))
        size = np.diff(self.atom_offsets)[molecule]
        outside = ((self.bond_index < 0) | (self.bond_index >= size)).any(axis=0)
        self._fail_at(np.isin(np.arange(n), molecule[outside]), "has a bond to an atom outside it")
        source, target = self.bond_index + self.atom_offsets[molecule]
        there, back = np.sort(source * atoms + target), np.sort(target * atoms + source)
        if (there != back).any():
            raise InputError("molecule graphs: a bond stands there in one direction only")

    def save(self, folder: Path, **about: Any) -> None:
        """Validate and write to `folder`, all or nothing; `about` (graph_hash, inputs, …) is added to the manifest."""
        self.validate()
        with replacing_folder(Path(folder)) as temporary:
            names = [*_DTYPES, *(_TEXT_DTYPES if self.smiles_bytes is not None else ())]
            described = write_arrays(temporary, {name: getattr(self, name) for name in names})
            counts = {"molecules": len(self), "atoms": len(self.atom_features), "bonds": len(self.bond_features) // 2}
            content = {**about, "schema_version": SCHEMA_VERSION, **counts, "arrays": described}
            write_manifest(temporary, KIND, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the molecule graphs in `folder` into memory, read-only.

        Raises
        ------
        ArtefactError
            If they are missing, damaged, of another kind or made for another schema.
        """
        folder = Path(folder)
        manifest = read_manifest(folder, KIND, made_by=MADE_BY)
        check_schema_version(folder, manifest, made_by=MADE_BY)
        described = manifest.get("arrays")
        known = isinstance(described, Mapping) and not described.keys().isdisjoint(_TEXT_DTYPES)
        graphs = cls(**read_arrays(folder, described, {**_DTYPES, **(_TEXT_DTYPES if known else {})}))
        ranges = [(graphs.atom_offsets, graphs.atom_features), (graphs.bond_offsets, graphs.bond_features)]
        if graphs.smiles_bytes is not None and graphs.smiles_offsets is not None:
            ranges.append((graphs.smiles_offsets, graphs.smiles_bytes))
        if any(len(offsets) != len(graphs) + 1 or offsets[-1] != len(items) for offsets, items in ranges):
            raise ArtefactError(f"{folder}: damaged (its arrays are of lengths that do not fit each other)")
        return graphs

    def _fail_at(self, wrong: npt.NDArray[np.bool_], what: str) -> None:
        """Raise `InputError` for the first molecule where `wrong` (n,) is true."""
        if wrong.any():
            raise InputError(f"molecule graphs: molecule {self.keys[np.flatnonzero(wrong)[0]]} {what}")


def _ranges(offsets: Offsets, rows: Offsets) -> tuple[Offsets, Offsets]:
    """Return the positions of the ranges `rows` (k,) one after the other, and their offsets (k + 1,) there."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    taken = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.arange(taken[-1]) + np.repeat(starts - taken[:-1], lengths), taken


def _joined(parts: Sequence[Offsets]) -> Offsets:
    lengths = np.concatenate([np.empty(0, np.int64), *(np.diff(offsets) for offsets in parts)])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
