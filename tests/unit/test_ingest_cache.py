"""What is known is not computed again, whatever happened to the folder; and it is what would be computed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from ingest import cache
from ingest.cache import RecordCache, code_version
from ingest.cached import Cached
from ingest.features.fingerprints import morgan_bits
from ingest.features.molecule_graph import featurise
from ingest.standardise.molecules import standardise_table

SMILES = ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "C", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "Oc1ccccn1"]


class Lengths:
    """Computes the length of each text, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> pa.Table:
        self.asked += texts
        return pa.table({"length": pa.array([len(text) for text in texts], pa.int64())})


def lengths(folder: Path | None, texts: Sequence[str]) -> tuple[list[int], list[str]]:
    compute = Lengths()
    table, computed = RecordCache(folder)(texts, compute)
    assert computed == len(compute.asked)
    assert table.column_names == ["length"]
    return table["length"].to_pylist(), compute.asked


def test_only_what_is_new_is_computed_in_the_order_of_the_texts(tmp_path: Path) -> None:
    folder = tmp_path / "x" / "1"
    assert lengths(folder, ["a", "bbb"]) == ([1, 3], ["a", "bbb"])
    assert lengths(folder, ["cc", "bbb", "", "a"]) == ([2, 3, 0, 1], ["cc", ""])
    assert lengths(folder, ["", "cc"]) == ([0, 2], [])
    assert lengths(folder, []) == ([], [])
    assert lengths(None, ["a"]) == ([1], ["a"])
    RecordCache(folder).clear()
    assert lengths(folder, ["a"]) == ([1], ["a"])


def test_nothing_at_all(tmp_path: Path) -> None:
    assert lengths(tmp_path / "x" / "1", []) == ([], [])


def test_work_that_broke_off_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "PART", 2)
    folder = tmp_path / "x" / "1"

    class Broken(Lengths):
        def __call__(self, texts: Sequence[str]) -> pa.Table:
            if len(self.asked) == 4:
                raise RuntimeError
            return super().__call__(texts)

    texts = [str(place) * place for place in range(1, 8)]
    with pytest.raises(RuntimeError):
        RecordCache(folder)(texts, Broken())
    assert lengths(folder, texts) == ([1, 2, 3, 4, 5, 6, 7], texts[4:])


def test_many_parts_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_PARTS", 3)
    folder = tmp_path / "x" / "1"
    for place in range(4):
        assert len(list(folder.glob("part-*"))) == place
        lengths(folder, ["a" * place])
    assert len(list(folder.iterdir())) == 1
    assert lengths(folder, ["aaa", "", "b"]) == ([3, 0, 1], ["b"])


def test_a_damaged_part_and_one_that_was_never_finished(tmp_path: Path) -> None:
    folder = tmp_path / "x" / "1"
    lengths(folder, ["a", "b"])
    (part,) = folder.iterdir()
    part.write_bytes(part.read_bytes()[:100])
    stale = folder / ".part-1.arrow.tmp-1"
    stale.touch()
    os.utime(stale, (time.time() - 10_000,) * 2)
    assert lengths(folder, ["a", "b"]) == ([1, 1], ["a", "b"])
    assert len(list(folder.iterdir())) == 1


def test_another_version_takes_the_place_of_the_last(tmp_path: Path) -> None:
    lengths(tmp_path / "x" / "1", ["a"])
    lengths(tmp_path / "x" / "2", ["a"])
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["2"]


def test_results_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 records gave 1 results"):
        RecordCache(tmp_path / "x" / "1")(["a", "b"], lambda _: pa.table({"x": [1]}))


def test_the_version_is_of_code_packages_and_settings(tmp_path: Path) -> None:
    module = ModuleType("m")
    module.__file__ = str(tmp_path / "m.py")
    Path(module.__file__).write_text("x = 1\n")
    first = code_version([module], ["numpy"], "keep")
    assert first == code_version([module], ["numpy"], "keep")
    assert len({first, code_version([module], [], "keep"), code_version([module], ["numpy"], "other")}) == 3
    Path(module.__file__).write_text("x = 2\n")
    assert code_version([module], ["numpy"], "keep") != first


@pytest.mark.parametrize("warm", [(), SMILES[:2], SMILES[::-1]], ids=["nothing known", "some", "all"])
def test_stages_give_what_they_give_without_a_cache(tmp_path: Path, warm: Sequence[str]) -> None:
    cached = Cached(tmp_path)
    keys = [f"k{place}" for place in range(len(SMILES) + 1)]
    texts = [("smiles", text) for text in SMILES] + [("inchi", "InChI=1S/CH4/h1H4"), ("smiles", "C("), ("inchi", "C")]
    asked = [*SMILES, SMILES[0]]  # one stands twice
    for known in (warm, asked):
        plain = standardise_table([("smiles", text) for text in known])
        table, computed = cached.standardise([("smiles", text) for text in known])
        assert json.loads(table.to_json()) == json.loads(plain.to_json())
        assert computed == len(set(known) - (set(warm) if known is asked else set()))
        bits, _ = cached.fingerprints(known)
        np.testing.assert_array_equal(bits, morgan_bits(known))
        graphs, _ = cached.graphs(known, keys[: len(known)])
        graphs.validate()
        plain_graphs = featurise(known, keys[: len(known)])
        assert graphs.smiles() == plain_graphs.smiles() == list(known)
        for name in vars(graphs):
            np.testing.assert_array_equal(getattr(graphs, name), getattr(plain_graphs, name))
    table, computed = cached.standardise(texts)
    assert computed == 3
    assert table["inchikey"].tolist()[-3:] == ["VNWKTOKETHGBQD-UHFFFAOYSA-N", None, None]
    assert table["reason"].tolist()[-2:] == ["unparsable SMILES", "unparsable InChI"]
    assert cached.standardise(texts)[1] == 0
    cached.clear()
    assert not tmp_path.exists()


def test_tautomers_have_results_of_their_own(tmp_path: Path) -> None:
    cached = Cached(tmp_path)
    drawn = [("smiles", "Oc1ccccn1")]
    assert cached.standardise(drawn)[0]["smiles"].tolist() == ["Oc1ccccn1"]
    assert cached.standardise(drawn, "canonical")[0]["smiles"].tolist() == ["O=c1cccc[nH]1"]
