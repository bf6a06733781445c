"""What features are called: expression data often name theirs by NCBI gene ids, which few people know by heart."""

from __future__ import annotations

from collections.abc import Mapping

from graphdb.feature_space import FeatureSpace
from graphdb.schema import NodeType
from graphdb.store import GraphStore

_SYMBOLS = "UNWIND $ids AS id MATCH (g:Gene {ncbi_id: id}) RETURN id, g.symbol AS symbol"


def gene_symbols(store: GraphStore, space: FeatureSpace) -> Mapping[str, str]:
    """Return feature → gene symbol; empty unless it is a space of expression that names its features by NCBI gene ids.

    Genes that the graph does not have are left out.
    """
    if space.node_type is not NodeType.EXPRESSION or not all(name.isdecimal() for name in space.columns):
        return {}
    rows = store.read(_SYMBOLS, ids=[int(name) for name in space.columns])
    return {str(row["id"]): row["symbol"] for row in rows if row["symbol"]}
