"""``--profiles`` becomes a description in the workspace, and that a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphdb.errors import InputError
from graphdb.workspace import Workspace
from ingest.all import build_parser, own_profiles


def arguments(workspace: Workspace, *words: str) -> list[str]:
    return own_profiles(build_parser().parse_args([*words]), workspace)


def test_none_is_none(tmp_path: Path) -> None:
    assert arguments(Workspace(tmp_path)) == []


def test_profiles_are_described_in_the_workspace(tmp_path: Path) -> None:
    table = tmp_path / "my.csv"
    table.write_text("Metadata_SMILES,f\nCCO,1\n")
    workspace = Workspace(tmp_path / "w")
    for space in ("first", "second"):
        found = arguments(workspace, "--profiles", str(table), "--feature-space", space, "--aggregate", "none")
        assert found == [f"profiles={workspace.profiles}"]
    assert sorted(file.name for file in workspace.profiles.iterdir()) == ["first.toml", "second.toml"]
    arguments(workspace, "--profiles", str(table), "--feature-space", "third", "--replace")
    assert [file.name for file in workspace.profiles.iterdir()] == ["third.toml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--profiles", "x.csv"], "--profiles and --feature-space go together"),
        (["--feature-space", "x"], "--profiles and --feature-space go together"),
        (["--profiles", "x.csv", "--feature-space", "x"], "x.csv: no such file"),
        (["--profiles", "x.csv", "--feature-space", "../x"], "a feature space needs a plain name"),
    ],
)
def test_mistakes(tmp_path: Path, words: list[str], message: str) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(InputError, match=message):
        arguments(workspace, *words)
    assert not workspace.profiles.exists()
