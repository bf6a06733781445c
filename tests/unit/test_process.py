"""Passwords of the servers that a workspace runs by itself."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from graphdb.process import make_password, read_password


def test_a_password_is_random_and_no_tool_takes_it_for_an_option(tmp_path: Path) -> None:
    made = {make_password(tmp_path) for _ in range(200)}
    assert len(made) == 200
    # Of random texts of base 64 three of 200 begin with a hyphen, and neo4j-admin refuses to set these.
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in made)
    assert read_password(tmp_path) in made
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["password"]
