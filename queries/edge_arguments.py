"""Arguments of commands that follow edges: of which types, and how heavy."""

from __future__ import annotations

import argparse

from graphdb.schema import EdgeType


def add_edge_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--edge-type`` (repeatable) and ``--min-weight``."""
    parser.add_argument(
        "--edge-type",
        action="append",
        type=str.upper,
        choices=[str(edge_type) for edge_type in EdgeType],
        metavar="TYPE",
        help=f"follow this type; may be repeated (default: all of {', '.join(EdgeType)})",
    )
    parser.add_argument("--min-weight", type=float, default=0.0, help="follow edges of at least this weight")


def edge_types_of(arguments: argparse.Namespace) -> list[EdgeType] | None:
    """Return the types that were asked for; None for all."""
    return [EdgeType(name) for name in arguments.edge_type] if arguments.edge_type else None
