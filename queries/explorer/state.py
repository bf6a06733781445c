"""The state of a view, which is its URL: what is looked at can be sent to a colleague. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from graphdb.errors import InputError
from graphdb.schema import EdgeType

TABS = ("graph", "card", "ask", "map", "walks", "cypher", "reports")
LIMITS = (15, 30, 60, 120)
LONGEST = 4000
"""Characters of a value; a URL is no place for more."""
MOST_EXPANDED = 40


@dataclass(frozen=True)
class View:
    """What a page shows.

    Attributes
    ----------
    tab
        Which page, of `TABS`.
    key
        What is looked at, as `queries.resolve` takes it; "" for nothing yet.
    expanded
        Keys of the nodes whose neighbours are shown too, in the order in which they were expanded.
    selected
        Key of the node that the side panel is about; "" for `key` itself.
    edge_types
        Those shown; empty for all.
    min_weight
        Of the edges shown, in [0, 1].
    limit
        Nodes shown around one node, of `LIMITS`.
    question
        Name of what is asked in the tab ``ask``; "" for none.
    arguments
        Of the question, by name; of the other tabs what they need (``colour`` of the map, ``step`` of a walk,
        ``cypher`` of the box).
    """

    tab: str = "graph"
    key: str = ""
    expanded: tuple[str, ...] = ()
    selected: str = ""
    edge_types: tuple[EdgeType, ...] = ()
    min_weight: float = 0.0
    limit: int = LIMITS[1]
    question: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)

    def with_(self, **changes: Any) -> View:
        """Return the view with some of its fields changed."""
        return replace(self, **changes)

    @property
    def focus(self) -> str:
        """The node that the side panel is about."""
        return self.selected or self.key


_NAMES = {"tab": "tab", "key": "key", "selected": "node", "min_weight": "weight", "limit": "limit", "question": "q"}
_EXPANDED, _EDGE_TYPE, _ARGUMENT = "expand", "edge", "a."


def to_search(view: View) -> str:
    """Return the query string of a view, with its question mark; what is as at first is left out."""
    first = View()
    pairs: list[tuple[str, str]] = []
    for one in fields(View):
        if (name := _NAMES.get(one.name)) and (value := getattr(view, one.name)) != getattr(first, one.name):
            pairs.append((name, f"{value:g}" if isinstance(value, float) else str(value)))
    pairs += [(_EXPANDED, key) for key in view.expanded]
    pairs += [(_EDGE_TYPE, str(edge_type)) for edge_type in view.edge_types]
    pairs += [(f"{_ARGUMENT}{name}", value) for name, value in sorted(view.arguments.items()) if value != ""]
    return "?" + urlencode(pairs)


def from_search(search: str) -> View:
    """Return the view of a query string, with or without its question mark.

    Raises
    ------
    InputError
        If it is none: an unknown name, a value out of range.
    """
    single: dict[str, Any] = {}
    expanded: list[str] = []
    edge_types: list[EdgeType] = []
    arguments: dict[str, str] = {}
    known = {name: attribute for attribute, name in _NAMES.items()}
    try:
        pairs = parse_qsl(search.removeprefix("?"), keep_blank_values=True, max_num_fields=200, errors="strict")
    except ValueError as error:
        raise InputError(f"this address cannot be read ({error}); begin anew from the search box") from None
    for name, value in pairs:
        if len(value) > LONGEST:
            raise InputError(f"this address cannot be read: {name} has more than {LONGEST:,} characters")
        if name == _EXPANDED:
            expanded.append(value)
        elif name == _EDGE_TYPE:
            edge_types.append(_edge_type(value))
        elif name.startswith(_ARGUMENT):
            arguments[name.removeprefix(_ARGUMENT)] = value
        elif name in known:
            single[known[name]] = value
        else:
            raise InputError(f"this address cannot be read: {name!r} is no part of a view")
    if "min_weight" in single:
        single["min_weight"] = _number(single["min_weight"], 0, 1, "weight")
    if "limit" in single:
        single["limit"] = int(_number(single["limit"], 1, LIMITS[-1], "limit"))
    if single.get("tab", "graph") not in TABS:
        raise InputError(f"this address cannot be read: there is no tab {single['tab']!r}, only {', '.join(TABS)}")
    return View(
        **single,
        expanded=tuple(dict.fromkeys(expanded))[:MOST_EXPANDED],
        edge_types=tuple(dict.fromkeys(edge_types)),
        arguments=arguments,
    )


def expand(view: View, key: str) -> View:
    """Return the view with a node's neighbours shown; at most `MOST_EXPANDED` nodes are."""
    expanded: Sequence[str] = [*(other for other in view.expanded if other != key), key]
    return view.with_(tab="graph", expanded=tuple(expanded[-MOST_EXPANDED:]))


def collapse(view: View, key: str) -> View:
    """Return the view without a node's neighbours."""
    return view.with_(tab="graph", expanded=tuple(other for other in view.expanded if other != key))


def _edge_type(text: str) -> EdgeType:
    try:
        return EdgeType(text.upper())
    except ValueError:
        raise InputError(f"this address cannot be read: {text!r} is no edge type") from None


def _number(text: str, least: float, most: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InputError(f"this address cannot be read: {what} must lie between {least:g} and {most:g}, not {text!r}")
    return value
