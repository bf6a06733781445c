"""The context graph for other tools: NetworkX, GraphML, Parquet; `learn.hetero` gives PyTorch Geometric's."""

from graphdb.formats.graphml import write_graphml
from graphdb.formats.networkx import to_networkx
from graphdb.formats.parquet import read_parquet, write_parquet

__all__ = ["read_parquet", "to_networkx", "write_graphml", "write_parquet"]
