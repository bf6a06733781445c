"""The molecules most similar to one: by embedding, by fingerprint, by measured profiles, or by all of these at once.

Embedding: the cosine of the encoder's outputs, through the graph's vector index, or exactly. Fingerprint: Tanimoto
(shared bits by bits of either) of Morgan fingerprints, radius 4, 1,024 bits, over all molecules of the workspace's
feature store. Morphology, expression: the cosine of measured profiles (`queries.profile_search`). Fused: the ranks of
several of these, as Cormack, Clarke and Büttcher fuse them (Reciprocal rank fusion, SIGIR 2009): the sum of
1 / (60 + rank).
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.console import note, run, say
from graphdb.errors import ArtefactError, GraphError, InfoAlignError, InputError
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.vectors import nearest
from graphdb.workspace import Workspace
from queries import render
from queries.answer import Answer, Section
from queries.embeddings import NOT_PUBLISHED, embeddings_of, kept
from queries.fingerprints import fingerprint_of, fingerprint_space, tanimoto
from queries.graph import opened
from queries.molecule_query import Query, find_query
from queries.names import read_nodes
from queries.output import add_form_arguments, emit_for_programs
from queries.profile_search import nearest_by_profile

By = Literal["embedding", "fingerprint", "morphology", "expression"]
MEASURE: dict[By, str] = {
    "embedding": "cosine",
    "fingerprint": "Tanimoto",
    "morphology": "cosine",
    "expression": "cosine",
}
BOTH: tuple[By, ...] = ("embedding", "fingerprint")
_PROFILES: dict[By, NodeType] = {"morphology": NodeType.MORPHOLOGY, "expression": NodeType.EXPRESSION}
COLUMNS = ["inchikey", "name", "similarity", "smiles"]
RANK_OFFSET = 60
"""The constant of reciprocal rank fusion."""
FUSED_DEPTH = 200
"""Molecules of each list that are fused; what stands deeper adds next to nothing."""
K = 10


@dataclass(frozen=True)
class Likeness(Answer):
    """Molecules like another one, by one measure or several.

    Attributes
    ----------
    query
        The molecule.
    tables
        By measure (or ``fused``) what `similar` (or `fused`) returned.
    remarks
        What was not compared, and whether the embeddings are the newest model's.
    """

    query: Query
    tables: Mapping[str, pd.DataFrame]
    remarks: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Like what."""
        return f"Molecules like {self.query.name}"

    def sections(self) -> Sequence[Section]:
        """Return the most similar by each measure; the text of a structure would push the ranks out of sight."""
        titles = {"fused": "By the ranks of all measures"}
        return [
            Section(by, titles.get(by, f"By {by}"), table.drop(columns="smiles")) for by, table in self.tables.items()
        ]

    def warnings(self) -> Sequence[str]:
        """Return the remarks."""
        return self.remarks

    def as_json(self) -> dict[str, Any]:
        """Return the molecule, and all columns of each table."""
        about = {"inchikey": self.query.inchikey, "name": self.query.name, "in_graph": self.query.in_graph}
        return {"query": about, **{by: render.records(table) for by, table in self.tables.items()}}

    def as_table(self) -> pd.DataFrame:
        """Return all tables, one below the other; ``by`` says which."""
        return pd.concat([table.assign(by=by) for by, table in self.tables.items()])


def similar(store: GraphStore, key: str, by: By = "embedding", k: int = K, *, exact: bool = False) -> pd.DataFrame:
    """Return the molecules of the graph that are most similar to one.

    Parameters
    ----------
    store
        The graph.
    key
        Anything that `queries.resolve.resolve` takes for a molecule; a SMILES or InChI need not be in the graph.
    by
        ``embedding``: cosine in [-1, 1]. ``fingerprint``: Tanimoto in [0, 1]. ``morphology``, ``expression``: cosine
        of the most similar pair of measured profiles.
    k
        How many.
    exact
        By embedding: compare with all of them, read into memory first, rather than ask the vector index. Where they are
        in memory already they are used in any case (`queries.embeddings`).

    Returns
    -------
    pandas.DataFrame
        At most k rows, the most similar first, without the molecule itself: ``inchikey``, ``name``, ``similarity``,
        ``smiles``; by profile ``feature_space`` and ``simulated`` too.

    Raises
    ------
    InputError
        If `key` is no molecule, or has no such profile.
    GraphError
        If no embeddings are published.
    ArtefactError
        If the feature store is missing or belongs to another graph, or there is no checkpoint of the published model
        (needed for a molecule without an embedding).
    """
    if k < 1:
        raise InputError(f"expected to be asked for at least one molecule, got {k}")
    query = find_query(store, key)
    if by in _PROFILES:
        matches = nearest_by_profile(store, query.inchikey, _PROFILES[by], k)
        table = _table(store, [(match.inchikey, match.cosine) for match in matches])
        by_key = {match.inchikey: match for match in matches}
        return table.assign(
            feature_space=[by_key[name].feature_space for name in table["inchikey"]],
            simulated=[by_key[name].simulated for name in table["inchikey"]],
        )
    if by == "embedding":
        vector = embedding_of(store, query)
        matrix = embeddings_of(store) if exact else kept(store)
        nearer = nearest(store, vector, k + 1) if matrix is None else matrix.nearest(vector, k + 1)
        found = [pair for pair in nearer if pair[0] != query.inchikey]
    elif by == "fingerprint":
        found = _nearest_by_fingerprint(store, query, k)
    else:
        raise InputError(f"expected one of {', '.join(MEASURE)}, got {by!r}")
    return _table(store, found[:k])


def fused(store: GraphStore, key: str, bys: Sequence[By] = tuple(MEASURE), k: int = K) -> pd.DataFrame:
    """Return the molecules that are similar by several measures at once, by reciprocal rank fusion.

    Parameters
    ----------
    store
        The graph.
    key
        As for `similar`.
    bys
        The measures. One that this molecule cannot be compared by (it has no such profile, no embeddings are
        published) is left out; ``attrs["left_out"]`` says why.
    k
        How many.

    Returns
    -------
    pandas.DataFrame
        ``inchikey``, ``name``, ``score`` (the sum of 1 / (60 + rank)), one column a measure with the rank in its list
        (NA: not among the first 200), ``smiles``.

    Raises
    ------
    InputError
        If `key` is no molecule, or can be compared by none of the measures.
    """
    depth = max(FUSED_DEPTH, k)
    ranks: dict[By, dict[str, int]] = {}
    left_out: dict[str, str] = {}
    find_query(store, key)
    for by in bys:
        try:
            listed = similar(store, key, by, depth)
        except InfoAlignError as error:
            left_out[by] = str(error)
            continue
        ranks[by] = {inchikey: rank for rank, inchikey in enumerate(listed["inchikey"], 1)}
    if not ranks:
        raise InputError(f"{key!r} can be compared by none of {', '.join(bys)}: {'; '.join(left_out.values())}")
    scores = fuse(list(ranks.values()))
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]
    table = _table(store, best).rename(columns={"similarity": "score"})
    for by, places in ranks.items():
        table.insert(
            len(table.columns) - 1, by, pd.Series([places.get(name) for name in table["inchikey"]], dtype="Int64")
        )
    table.attrs["left_out"] = left_out
    return table


def fuse(ranks: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Return the fused score of each key: the sum of 1 / (60 + rank) over the lists that have it; ranks from 1."""
    scores: dict[str, float] = {}
    for places in ranks:
        for name, rank in places.items():
            scores[name] = scores.get(name, 0.0) + 1 / (RANK_OFFSET + rank)
    return scores


def embedding_of(store: GraphStore, query: Query) -> npt.NDArray[np.float32]:
    """Return the embedding (300,) that is published for a molecule; encode it where there is none."""
    rows = store.read(
        f"MATCH (m:{NodeType.MOLECULE} {{inchikey: $key}}) WHERE m.embedding IS NOT NULL RETURN m.embedding AS vector",
        key=query.inchikey,
    )
    if rows:
        return np.asarray(rows[0]["vector"], dtype=np.float32)
    models = store.read(
        f"MATCH (m:{NodeType.MOLECULE}) WHERE m.embedding_model IS NOT NULL RETURN m.embedding_model AS model LIMIT 1"
    )
    if not models:
        raise GraphError(NOT_PUBLISHED)
    return _encode(query.smiles, models[0]["model"])


def _encode(smiles: str, model: str) -> npt.NDArray[np.float32]:
    # PyTorch takes seconds to import, and published embeddings do without.
    from learn import checkpoint
    from learn.encode import encode
    from learn.runs import newest_checkpoint

    path = newest_checkpoint(Workspace.default())
    loaded = checkpoint.load(path)
    if loaded.model_hash != model:
        raise ArtefactError(
            f"{path}: model {loaded.model_hash[:16]}, but the graph's embeddings are of model {model[:16]}; "
            "publish anew with: python -m learn.encode --graph --publish"
        )
    vector: npt.NDArray[np.float32] = encode([smiles], loaded)[0]
    return vector


def _stale(store: GraphStore) -> str | None:
    """Say in one line what is out of date about the graph's embeddings; None: nothing."""
    from learn.stale import note_of

    return note_of(store, Workspace.default())


def _nearest_by_fingerprint(store: GraphStore, query: Query, k: int) -> list[tuple[str, float]]:
    space = fingerprint_space(store)
    similarity = tanimoto(fingerprint_of(space, query), np.asarray(space.values))
    # Keys are sorted, so that a stable sort breaks ties by key.
    order = [place for place in np.argsort(-similarity, kind="stable")[: k + 1] if space.keys[place] != query.inchikey]
    return [(str(space.keys[place]), float(similarity[place])) for place in order[:k]]


def _table(store: GraphStore, found: list[tuple[str, float]]) -> pd.DataFrame:
    nodes = read_nodes(store, NodeType.MOLECULE, [key for key, _ in found])
    return pd.DataFrame(
        [
            (key, nodes[key].name, similarity, nodes[key].properties["smiles"])
            for key, similarity in found
            if key in nodes
        ],
        columns=COLUMNS,
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.similar", description=__doc__)
    parser.add_argument("key", help="a molecule: name, identifier, InChIKey, or any SMILES")
    parser.add_argument(
        "--by",
        choices=(*MEASURE, "both", "fused"),
        default="both",
        help="what to compare: one measure, embedding and fingerprint side by side (both, the default), or all by rank",
    )
    parser.add_argument("--exact", action="store_true", help="compare with every embedding instead of the vector index")
    parser.add_argument("-k", "--limit", dest="k", type=int, default=K, help=f"how many (default {K})")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the most similar molecules."""
    started = time.perf_counter()
    wanted: list[By] = list(BOTH) if arguments.by == "both" else [by for by in MEASURE if by == arguments.by]
    remarks: list[str] = []
    with opened() as store:
        query = find_query(store, arguments.key)
        tables: dict[str, pd.DataFrame] = {}
        if arguments.by == "fused":
            tables["fused"] = fused(store, arguments.key, k=arguments.k)
            remarks += not_compared(tables["fused"])
        for by in wanted:
            try:
                tables[by] = similar(store, arguments.key, by, arguments.k, exact=arguments.exact)
            except GraphError as error:
                # Asked for both, one may do: without pretraining there are fingerprints alone.
                if arguments.by != "both" or str(error) != NOT_PUBLISHED:
                    raise
                remarks.append(NOT_PUBLISHED)
        stale = _stale(store) if {"embedding", "fused"} & set(tables) else None
        if stale is not None:
            remarks.append(stale)
    for remark in remarks:
        note(remark)
    if not arguments.json and not arguments.csv:
        where = "" if query.in_graph else ", not in the graph"
        render.print_table(f"similar to {query.name} ({query.inchikey}{where})", _side_by_side(tables))
        say(f"{time.perf_counter() - started:.1f} s")
    emit_for_programs(Likeness(query, tables, tuple(remarks)), arguments)


def not_compared(table: pd.DataFrame) -> list[str]:
    """Say which measures a table of `fused` leaves out, and why."""
    return [f"not compared by {by}: {reason}" for by, reason in table.attrs["left_out"].items()]


def _side_by_side(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row a rank; a single table keeps its keys."""
    if len(tables) == 1:
        ((by, table),) = tables.items()
        return table.rename(columns={"similarity": next((MEASURE[one] for one in MEASURE if one == by), by)}).drop(
            columns="smiles"
        )
    columns = [f"{what}" for by, measure in MEASURE.items() if by in tables for what in (f"by {by}", measure)]
    sides = [zip(table["name"], table["similarity"], strict=True) for table in tables.values()]
    ranks = itertools.zip_longest(*sides, fillvalue=(None, None))
    return pd.DataFrame([[cell for side in rank for cell in side] for rank in ranks], columns=columns)


if __name__ == "__main__":
    run(main, build_parser())
