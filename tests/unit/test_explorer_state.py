"""A view and its address; what is no address is refused in a sentence."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from queries.explorer.state import LIMITS, MOST_EXPANDED, TABS, View, collapse, expand, from_search, to_search

texts = st.text(string.printable + "äµ∆", max_size=30)
views = st.builds(
    View,
    tab=st.sampled_from(TABS),
    key=texts,
    expanded=st.lists(texts, unique=True, max_size=5).map(tuple),
    selected=texts,
    edge_types=st.lists(st.sampled_from(list(EdgeType)), unique=True).map(tuple),
    min_weight=st.integers(0, 20).map(lambda twentieth: twentieth / 20),
    limit=st.sampled_from(LIMITS),
    question=texts,
    arguments=st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=5), texts.filter(bool), max_size=3),
)


@given(views)
def test_an_address_gives_its_view_back(view: View) -> None:
    assert from_search(to_search(view)) == view


def test_what_is_as_at_first_is_left_out() -> None:
    assert to_search(View()) == "?"
    assert from_search("") == View()
    assert to_search(View(key="imatinib")) == "?key=imatinib"


@pytest.mark.parametrize(
    "search",
    [
        "?tab=nothing",
        "?weight=2",
        "?weight=nan",
        "?limit=many",
        "?limit=0",
        "?edge=LOVES",
        "?nonsense=1",
        "?key=" + "x" * 5000,
        "?key=%ff%fe",
        "?" + "&".join(f"a.{number}=1" for number in range(300)),
    ],
)
def test_what_is_no_address_is_refused(search: str) -> None:
    with pytest.raises(InputError, match="address cannot be read"):
        from_search(search)


def test_expanding_adds_once_and_the_oldest_goes_beyond_the_most() -> None:
    view = View(key="a", tab="card")
    for number in range(MOST_EXPANDED + 3):
        view = expand(view, str(number))
    assert view.tab == "graph"
    assert len(view.expanded) == MOST_EXPANDED
    assert view.expanded[0] == "3"
    assert expand(view, "5").expanded[-1] == "5"


def test_collapsing_takes_back_what_expanding_did() -> None:
    view = View(key="a", expanded=("b", "c"), min_weight=0.2)
    assert collapse(expand(view, "d"), "d") == view
    assert collapse(view, "nothing") == view
    assert collapse(view, "b").expanded == ("c",)
