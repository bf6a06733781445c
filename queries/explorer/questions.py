"""What can be asked in the tab "Ask": functions of `queries` that return an answer, and their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphdb.errors import InputError
from graphdb.store import GraphStore
from queries.answer import Answer
from queries.card import card
from queries.compare import compare
from queries.explain import explain
from queries.explorer.predicted import MOST_AT_ONCE
from queries.mechanism import mechanism
from queries.molecule_query import find_query
from queries.paths import paths
from queries.predict_profile import predict_profile
from queries.profile_next import profile_next
from queries.similar import MEASURE, By, Likeness, fused, not_compared, similar
from queries.substructure import substructure


@dataclass(frozen=True)
class Argument:
    """An argument of a question besides what is looked at.

    Attributes
    ----------
    name, label
        Its name in the address, and on the page.
    choices
        What may be chosen; () for any text.
    default
        Taken where nothing is given.
    """

    name: str
    label: str
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True)
class Question:
    """A question about what is looked at.

    Attributes
    ----------
    name, label
        Its name in the address, and on the page.
    ask
        Gives the answer, of the graph, the key, and the arguments by name.
    arguments
        What it takes besides.
    """

    name: str
    label: str
    ask: Callable[[GraphStore, str, Mapping[str, str]], Answer]
    arguments: Sequence[Argument] = ()

    def given(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Return all arguments, defaults where none is given; `InputError` for one that is no choice."""
        found = {one.name: arguments.get(one.name) or one.default for one in self.arguments}
        for one in self.arguments:
            if one.choices and found[one.name] not in one.choices:
                raise InputError(f"{one.label}: expected one of {', '.join(one.choices)}, got {found[one.name]!r}")
        return found


def _by(text: str) -> By:
    return next(by for by in MEASURE if by == text)


def _ask_similar(store: GraphStore, key: str, given: Mapping[str, str]) -> Answer:
    by, count, query = given["by"], _count(given["k"]), find_query(store, key)
    if by == "all, fused":
        table = fused(store, key, tuple(MEASURE), count)
        return Likeness(query, {"fused": table}, tuple(not_compared(table)))
    return Likeness(query, {by: similar(store, key, _by(by), count)})


def _ask_mechanism(store: GraphStore, key: str, given: Mapping[str, str]) -> Answer:
    return mechanism(store, key, by=_by(given["by"]), k=_count(given["k"]), max_fdr=0.2)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 500:
        raise InputError(f"expected a number from 1 to 500, got {text!r}")
    return int(text)


_NEIGHBOURS = Argument("k", "how many neighbours", default="20")

QUESTIONS: Mapping[str, Question] = {
    question.name: question
    for question in (
        Question(
            "similar",
            "What is like it?",
            _ask_similar,
            (
                Argument("by", "compared by", ("all, fused", *MEASURE), "all, fused"),
                Argument("k", "how many", default="15"),
            ),
        ),
        Question(
            "mechanism",
            "How does it act?",
            _ask_mechanism,
            (Argument("by", "neighbours by", tuple(MEASURE), "expression"), _NEIGHBOURS),
        ),
        Question(
            "compare",
            "How does it differ from another molecule?",
            lambda store, key, given: compare(store, key, given["other"]),
            (Argument("other", "the other molecule"),),
        ),
        Question(
            "predict_profile",
            "What would it do to cells?",
            lambda store, key, given: predict_profile(store, key, given["space"] or None),
            (Argument("space", "feature space (empty: the best measured one)"),),
        ),
        Question(
            "profile_next",
            "What should be measured next?",
            lambda store, _, given: profile_next(store, given["space"] or None, most=MOST_AT_ONCE),
            (Argument("space", "feature space (empty: the most measured one)"),),
        ),
        Question("explain", "What pulls its embedding?", lambda store, key, _: explain(store, key)),
        Question(
            "paths",
            "How does it hang together with something else?",
            lambda store, key, given: paths(store, key, given["other"], k=5),
            (Argument("other", "with what"),),
        ),
        Question(
            "substructure",
            "Which molecules contain a pattern?",
            lambda store, _, given: substructure(store, given["smarts"], 60),
            (Argument("smarts", "pattern (SMARTS)", default="c1ccccc1S(=O)(=O)N"),),
        ),
        Question("card", "All that is known and predicted", lambda store, key, _: card(store, key)),
    )
}
