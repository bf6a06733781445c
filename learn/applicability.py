"""How far a molecule is from those that a predictor has learned from, and whether that is too far.

Similarity is the Tanimoto coefficient of Morgan fingerprints (radius 2, 2,048 bits). The threshold is learned: the 5th
percentile of what each training molecule's similarity to its nearest other one is, so that a molecule is outside where
it is lonelier than 95 of 100 training molecules are (Sheridan et al. 2004; Tropsha 2010 for the idea of a domain).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from ingest.features.fingerprints import morgan_bits, unpack

RADIUS, SIZE = 2, 2048
PERCENTILE = 5.0
_BLOCK = 512

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Nearest:
    """The nearest training molecule of each of n molecules.

    Attributes
    ----------
    similarity
        (n,) Tanimoto similarity to it.
    smiles
        It.
    inside
        (n,) whether the similarity reaches the threshold.
    """

    similarity: Floats
    smiles: tuple[str, ...]
    inside: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ApplicabilityDomain:
    """The training molecules of a predictor.

    Attributes
    ----------
    smiles
        k different molecules.
    bits
        (k, 256) uint8, their fingerprints, packed.
    threshold
        Least similarity inside the domain; 0 where one molecule is all there is.
    """

    smiles: tuple[str, ...]
    bits: npt.NDArray[np.uint8]
    threshold: float

    @classmethod
    def of(cls, smiles: Sequence[str]) -> Self:
        """Learn the domain of standardised training molecules; repetitions count once."""
        distinct = tuple(dict.fromkeys(smiles))
        bits = morgan_bits(distinct, radius=RADIUS, size=SIZE)
        if len(distinct) < 2:
            return cls(distinct, bits, 0.0)
        others, _ = _best(bits, bits, without_self=True)
        return cls(distinct, bits, float(np.percentile(others, PERCENTILE)))

    def nearest(self, smiles: Sequence[str]) -> Nearest:
        """Return the nearest training molecules of n standardised ones; an invalid SMILES is an `InputError`."""
        similarity, place = _best(morgan_bits(smiles, radius=RADIUS, size=SIZE), self.bits)
        # What is as near as the threshold's own molecule shall be inside, whatever rounding does.
        return Nearest(similarity, tuple(self.smiles[k] for k in place), similarity >= self.threshold - 1e-6)

    def as_content(self) -> dict[str, Any]:
        """Return what a model file holds of it."""
        return {"smiles": list(self.smiles), "bits": torch.from_numpy(self.bits), "threshold": self.threshold}

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """Make it from what `as_content` returned."""
        return cls(tuple(content["smiles"]), content["bits"].numpy(), float(content["threshold"]))


def _best(
    bits: npt.NDArray[np.uint8], among: npt.NDArray[np.uint8], *, without_self: bool = False
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the highest Tanimoto similarity of each row (n, b) among (k, b), and the first row that has it."""
    there = unpack(among).astype(np.float32)
    counts = there.sum(axis=1)
    similarity = np.empty(len(bits), dtype=np.float32)
    place = np.empty(len(bits), dtype=np.int64)
    for start in range(0, len(bits), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(bits)))
        here = unpack(bits[rows]).astype(np.float32)
        shared = here @ there.T
        union = here.sum(axis=1)[:, None] + counts - shared
        # Two structures without any bit are equal as far as this sees.
        tanimoto = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
        if without_self:
            tanimoto[np.arange(len(here)), np.arange(rows.start, rows.stop)] = -1
        place[rows] = tanimoto.argmax(axis=1)
        similarity[rows] = tanimoto.max(axis=1)
    return similarity, place
