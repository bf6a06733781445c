"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data, which lies beside the project and is read in place."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data (../shared/data) is not beside the project")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's workspace and from a server named in the environment."""
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(tmp_path / "workspace"))
    for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
        monkeypatch.delenv(name, raising=False)
