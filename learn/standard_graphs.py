"""Structures → the packed graphs of what they are once standardised, equal molecules once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.molecule_graphs import MoleculeGraphs


def standard_graphs(
    smiles: Sequence[str], tautomers: Literal["keep", "canonical"]
) -> tuple[MoleculeGraphs, npt.NDArray[np.int64], pd.DataFrame]:
    """Standardise n structures and turn them into graphs, equal molecules into one.

    Returns
    -------
    tuple
        The graphs; (n,) the graph of each structure, −1 where it cannot be used; and the table of structures: n rows
        with ``inchikey`` and ``smiles``, standardised, None where rejected, and ``reason``, None where not.
    """
    # Chemistry is imported here, so that importing this module does not need it.
    from ingest.features.molecule_graph import featurise
    from ingest.standardise.molecules import standardise_table

    standard = standardise_table([("smiles", text) for text in smiles], tautomers=tautomers)
    usable = np.flatnonzero(standard["inchikey"].notna().to_numpy())
    chosen = standard.iloc[usable]
    distinct, position = np.unique(chosen["inchikey"].to_numpy(str), return_inverse=True)
    first = chosen.drop_duplicates("inchikey").set_index("inchikey")["smiles"]
    place = np.full(len(smiles), -1, dtype=np.int64)
    place[usable] = position
    keys = distinct.tolist()
    return featurise([first[key] for key in keys], keys), place, standard
