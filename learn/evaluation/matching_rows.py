"""What `learn.matching` found, as a table of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from learn.evaluation import numbers

ABOUT_MATCHING = ("space", "task", "molecules", "structures", "ranked")
"""What is said of a matching above its table, where it is there."""
_FIRST = ("system", "direction")


def matching_table(matching: Mapping[str, Any] | None) -> tuple[list[str], list[list[str]]] | None:
    """Return the header and the rows of what `learn.matching` wrote, whatever it measured; None where there is none.

    An interval (``intervals`` of a row, by measure) stands in the cell of its measure. What chance gives (``chance`` by
    direction) is a row like the others. An entry that is itself a table (``{"ndcg": {"1": …}}``) becomes a column each.
    """
    if matching is None or not matching.get("rows"):
        return None
    by_chance = [{"system": "chance", "direction": name, **row} for name, row in matching.get("chance", {}).items()]
    rows = [dict(_flat(_with_intervals(row))) for row in [*matching["rows"], *by_chance]]
    names = dict.fromkeys(name for row in rows for name in row)
    # A file of JSON has its names in the order of the alphabet.
    header = [name for name in _FIRST if name in names] + [name for name in names if name not in _FIRST]
    return [name.replace("_", " ") for name in header], [[_shown(row.get(name)) for name in header] for row in rows]


def _with_intervals(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name != "intervals"}
    for name, ends in row.get("intervals", {}).items():
        spread = numbers.interval(ends.get("low"), ends.get("high"))
        found[name] = _shown(found.get(name)) + (f" ({spread})" if spread != numbers.NONE else "")
    if "model_hash" in found:
        found["model_hash"] = str(found["model_hash"])[:16] or numbers.NONE
    return found


def _flat(row: dict[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def _shown(value: Any) -> str:
    if value is None:
        return numbers.NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{1 if abs(value) >= 10 else 3}f}" if isfinite(value) else numbers.NONE
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return " to ".join(_shown(part) for part in value) if len(value) == 2 else ", ".join(map(_shown, value))
    return str(value)
