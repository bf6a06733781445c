"""Where the cells of a table of molecules lead to."""

from __future__ import annotations

from typing import Any

from queries.explorer.state import View, to_search


def molecule_links(column: str, value: Any) -> str | None:
    """Return the view of the molecule or gene that a cell names; None for any other cell."""
    if column == "inchikey" and isinstance(value, str):
        return to_search(View(key=value))
    return to_search(View(key=str(value))) if column == "gene" and value else None
