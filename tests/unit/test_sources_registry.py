from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from graphdb.errors import InputError
from ingest.sources import SOURCES, Source, parse_source_argument
from ingest.sources.__main__ import build_parser, main


def test_every_module_of_the_folder_is_a_source_under_its_own_name() -> None:
    folder = Path(__file__).parents[2] / "ingest" / "sources"
    modules = {file.stem for file in folder.glob("*.py") if not file.stem.startswith("_")}
    assert set(SOURCES) == modules
    for name, source in SOURCES.items():
        assert isinstance(source, Source)
        assert source.name == name
        assert source.title
        assert source.origin
        assert source.licence


def test_finding_the_sources_imports_no_chemistry_and_no_cluster() -> None:
    heavy = ("rdkit", "dask", "distributed", "datamol")
    code = f"import sys, ingest.sources; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_source_argument() -> None:
    assert parse_source_argument("lincs=../x=y") == ("lincs", Path("../x=y"))
    assert parse_source_argument("lincs") == ("lincs", None)
    assert parse_source_argument("cmea=~/data") == ("cmea", Path.home() / "data")


def test_unknown_source_is_answered_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no source is named 'linx'; there are: .*cmea.*lincs.*molecules"):
        parse_source_argument("linx=../x")
    with pytest.raises(InputError, match="no path after 'lincs='"):
        parse_source_argument("lincs=")


def test_a_source_of_files_needs_a_path_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--source lincs=PATH"):
        SOURCES["lincs"].records()
    with pytest.raises(InputError, match="no such file or folder"):
        SOURCES["lincs"].records(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"no consensi-drugbank.tsv \(or .gz\) in this folder; it holds notes.txt"):
        SOURCES["lincs"].records(tmp_path)


def test_the_list_of_sources_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(build_parser().parse_args(["list", "--json"]))
    assert [row["source"] for row in json.loads(capsys.readouterr().out)] == list(SOURCES)
    main(build_parser().parse_args(["comas"]))
    printed = capsys.readouterr().out
    assert "comas_pnp_cell_painting_data.tsv" in printed
    assert "robust" in printed
