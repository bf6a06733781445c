"""Similar pairs that an earlier ingest has found: with some rows new and some gone, only pairs of new ones are scored.

What makes this exact: beside the pairs a *floor* is kept, and every pair of the earlier rows whose score is above it is
among them. The quota of the 0.5 % rule moves with the number of rows. Where it can be filled with pairs above the floor
these are the best ones; where it cannot, all pairs are scored again. A reserve beyond the quota makes that rare.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from graphdb.files import replacing_file
from ingest.edges.best_pairs import Cut, Indices, Scored, chosen

MOST_NEW = 0.5
"""With a larger share of new rows, scoring all pairs anew is hardly dearer."""
RESERVE = 0.25
MOST_RESERVE = 1_000_000

Ids = npt.NDArray[np.void]


def row_ids(keys: Sequence[str], rows: npt.NDArray[Any]) -> Ids:
    """Return what tells a row from others, (n,) of 16 bytes: a hash of its key and its values (n, d)."""
    values = np.ascontiguousarray(rows)
    if values.dtype.kind == "f":  # one pattern of bits for whatever is missing
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    digests = [
        blake2b(row.tobytes(), digest_size=16, key=blake2b(key.encode(), digest_size=32).digest()).digest()
        for key, row in zip(keys, values, strict=True)
    ]
    return np.frombuffer(b"".join(digests), dtype=np.dtype((np.void, 16)))


@dataclass(frozen=True)
class KnownPairs:
    """Pairs of rows with their exact scores.

    Attributes
    ----------
    ids
        (n,) `row_ids`.
    i, j, score
        (m,) each, i < j.
    floor
        Every pair with a score above it is here; minus infinity: every pair that reaches the threshold. Of the pairs
        with just this score the first ones by (i, j) are here.
    """

    ids: Ids
    i: Indices
    j: Indices
    score: npt.NDArray[np.float64]
    floor: float

    def among(self, ids: Ids) -> tuple[Scored, npt.NDArray[np.bool_]]:
        """Return the pairs that are still there, as places in `ids`, and which of `ids` are new, (k,) bool."""
        places = {row: place for place, row in enumerate(ids.tolist())}
        moved = np.array([places.get(row, -1) for row in self.ids.tolist()], dtype=np.int64)
        new = np.ones(len(ids), dtype=bool)
        new[moved[moved >= 0]] = False
        if not len(self.i):
            return Scored.empty(), new
        i, j = moved[self.i], moved[self.j]
        there = (i >= 0) & (j >= 0)
        i, j, score = i[there], j[there], self.score[there]
        return Scored(np.minimum(i, j), np.maximum(i, j), score), new

    def best_of(self, ids: Ids, limit: int) -> tuple[Scored, float] | None:
        """Return the best `limit` pairs of `ids`, in their order, and the floor that holds for them.

        None where one of `ids` is new, or their order is another, which would let other ones of equal pairs go first.
        """
        held = {row: place for place, row in enumerate(self.ids.tolist())}
        places = [held.get(row, -1) for row in ids.tolist()]
        if any(place < 0 for place in places) or any(a >= b for a, b in pairwise(places)):
            return None
        pairs, _ = self.among(ids)
        best = chosen(pairs, limit)
        return best, self.floor if len(best.i) == len(pairs.i) else float(best.score.min(initial=np.inf))


def joined(known: Scored, floor: float, found: Scored, limit: int) -> tuple[Scored, float]:
    """Join two sets of pairs of which all above `floor` are known; keep at most the best `limit`.

    Returns
    -------
    tuple
        The pairs, and the floor that holds for them.
    """
    i, j, score = (np.concatenate(parts) for parts in zip(known, found, strict=True))
    above = score > floor
    best = chosen(Scored(i[above], j[above], score[above]), limit)
    if len(best.i) < int(above.sum()):
        floor = float(best.score.min()) if len(best.i) else np.inf
    return best, floor


def reserve(cut: Cut, rows: int) -> int:
    """Return how many pairs are worth keeping: more than become edges, so that more rows can be added."""
    quota = cut.quota(rows)
    return quota + min(int(RESERVE * quota), MOST_RESERVE) + 16


@dataclass(frozen=True)
class PairCache:
    """The known pairs of one feature space, on disk.

    Attributes
    ----------
    path
        The file; None: nothing is kept.
    """

    path: Path | None = None

    def read(self) -> KnownPairs | None:
        """Return the known pairs; None where there are none, or the file is damaged."""
        if self.path is None:
            return None
        try:
            with np.load(self.path, allow_pickle=False) as held:
                ids = np.ascontiguousarray(held["ids"]).view(np.dtype((np.void, 16))).ravel()
                i, j, score = (held[name] for name in ("i", "j", "score"))
                known = KnownPairs(ids, i.astype(np.int64), j.astype(np.int64), score, float(held["floor"]))
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        fits = len(known.i) == len(known.j) == len(known.score)
        within = not len(known.i) or (known.i.min() >= 0 and known.j.max() < len(known.ids))
        return known if fits and within else None

    def write(self, known: KnownPairs) -> None:
        """Write them over what is there."""
        if self.path is None:
            return
        for other in self.path.parent.parent.glob("*/" + self.path.name):
            if other != self.path:  # of another version, or for another threshold
                other.unlink(missing_ok=True)
        with replacing_file(self.path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                ids=np.ascontiguousarray(known.ids).view(np.uint8).reshape(-1, 16),
                i=known.i.astype(np.int32),
                j=known.j.astype(np.int32),
                score=known.score,
                floor=np.float64(known.floor),
            )


@dataclass
class Memory:
    """What `similar_pairs` is given so that it can use what is known.

    Attributes
    ----------
    cache
        Where the known pairs are.
    ids
        (n,) `row_ids` of the rows at hand.
    new
        Afterwards: of how many rows pairs were scored.
    """

    cache: PairCache
    ids: Ids
    new: int = 0

    @classmethod
    def of(cls, cache: PairCache, keys: Sequence[str], rows: npt.NDArray[Any]) -> Self | None:
        """Return the memory of these rows; None where nothing is kept."""
        return None if cache.path is None else cls(cache, row_ids(keys, rows))

    def keep(self, pairs: Scored, floor: float, new: int, quota: int) -> Scored:
        """Keep these pairs, the best first, and return the first `quota` of them, sorted by rows."""
        self.new = new
        self.cache.write(KnownPairs(self.ids, *pairs, floor))
        return Scored(pairs.i[:quota], pairs.j[:quota], pairs.score[:quota]).by_rows()
