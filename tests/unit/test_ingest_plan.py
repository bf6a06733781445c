"""Which sources a run loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphdb.errors import InputError
from ingest.plan import plan_sources, with_earlier_sources


def test_no_source_means_the_demo() -> None:
    assert plan_sources([], None) == {"demo": None}


def test_sources_from_the_command_line() -> None:
    assert plan_sources(["lincs=a/b", "demo"], None) == {"lincs": Path("a/b"), "demo": None}


def test_unknown_source_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'linx'.*cmea.*lincs"):
        plan_sources(["linx=a"], None)


def test_one_source_from_two_places_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        plan_sources(["lincs=a", "lincs=b"], None)


def test_config_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = tmp_path / "sources.toml"
    config.write_text('[sources]\nlincs = "data/lincs"\ndemo = true\n')
    assert plan_sources([], config) == {"lincs": tmp_path / "data/lincs", "demo": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sources\n", "not valid TOML"),
        ("lincs = 'x'\n", "expected a table"),
        ("[sources]\nnothing = 'x'\n", "no source is named 'nothing'"),
        ("[sources]\nlincs = 3\n", "expected a path in quotes"),
    ],
)
def test_bad_config_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "sources.toml"
    config.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        plan_sources([], config)
    assert str(config) in str(error.value)


def test_add_rereads_earlier_sources_from_where_they_were() -> None:
    report = {"sources": {"cmea": {"path": "old/cmea"}, "demo": {"path": None}}}
    plan = with_earlier_sources({"lincs": Path("l")}, ["cmea", "demo", "lincs"], report)
    assert plan == {"lincs": Path("l"), "cmea": Path("old/cmea"), "demo": None}


def test_add_asks_where_an_unknown_source_is() -> None:
    with pytest.raises(InputError, match="--source cmea=PATH"):
        with_earlier_sources({"lincs": Path("l")}, ["cmea"], None)
