"""Files of structures → files of embeddings: every record keeps its place."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from rdkit import Chem

from graphdb.errors import ArtefactError, InputError
from ingest import parallel, structures
from learn import encode as command
from learn.checkpoint import Checkpoint, Position, load, save
from learn.config import TrainConfig
from learn.embedding_file import model_of, read_embeddings, write_embeddings
from learn.encode import Options, encode, encode_with_reasons
from learn.encode_file import encode_file
from learn.encoder import Encoder

SMILES = ["CCO", "c1ccccc1", "C1CC", "CC(=O)O", "", "CCO", "CC(=O)[O-].[Na+]"]
NAMES = ["ethanol", "benzene", "broken", "acetic acid", "", "ethanol again", "sodium acetate"]
USABLE = [True, True, False, True, False, True, True]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a small encoder with random weights."""
    torch.manual_seed(0)
    config = TrainConfig(layers=2)
    path = tmp_path_factory.mktemp("model") / "checkpoint.pt"
    state = Encoder(config.layers, config.dropout).state_dict()
    save(path, Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g"))
    return path


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Checkpoint:
    return load(checkpoint)


def lines(path: Path) -> None:
    path.write_text("".join(f"{smiles}\t{name}\n" for smiles, name in zip(SMILES, NAMES, strict=True)))


def csv_file(path: Path) -> None:
    pd.DataFrame({"Name": NAMES, "SMILES": SMILES, "dose": 1}).to_csv(path, index=False)


def tsv_gz(path: Path) -> None:
    pd.DataFrame({"smiles": SMILES, "id": NAMES}).to_csv(path, index=False, sep="\t")


def parquet(path: Path) -> None:
    table = pd.DataFrame({"id": NAMES, "other": 1.5, "smiles": [smiles or None for smiles in SMILES]})
    table.to_parquet(path, index=False)


def sdf(path: Path) -> None:
    blocks = []
    for smiles, name in zip(SMILES, NAMES, strict=True):
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            blocks.append(f"{name}\n  broken\n\n  1  1  nonsense\n")
            continue
        molecule.SetProp("_Name", name)
        blocks.append(Chem.MolToMolBlock(molecule) + "> <dose>\n1\n\n")
    text = "$$$$\n".join(blocks)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


FORMATS: dict[str, tuple[Callable[[Path], None], list[int]]] = {
    "m.smi": (lines, [1, 2, 3, 4, 5, 6, 7]),
    "m.txt": (lines, [1, 2, 3, 4, 5, 6, 7]),
    "m.csv": (csv_file, [2, 3, 4, 5, 6, 7, 8]),
    "m.tsv.gz": (tsv_gz, [2, 3, 4, 5, 6, 7, 8]),
    "m.parquet": (parquet, [1, 2, 3, 4, 5, 6, 7]),
    "m.sdf": (sdf, []),
    "m.sdf.gz": (sdf, []),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("chunk", [2, 2048])
def test_n_records_give_n_rows_in_their_order(
    tmp_path: Path, model: Checkpoint, name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chunks of two: equal molecules fall into different ones.
    monkeypatch.setattr(structures, "CHUNK", chunk)
    monkeypatch.setattr(parallel, "stream_batches", partial(parallel.stream_batches, processes=1))
    write, places = FORMATS[name]
    write(tmp_path / name)
    reads = list(structures.read_structures(tmp_path / name, chunk=chunk))
    assert [len(part) for part in reads][:-1] == [chunk] * (len(reads) - 1)
    counts = encode_file(tmp_path / name, tmp_path / "out.parquet", model)
    assert counts == (7, 5)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["line", "name", "smiles", "inchikey", "embedding", "reason"]
    cells = table.to_pydict()
    if places:
        assert cells["line"] == places
        assert [text or "" for text in cells["smiles"]] == SMILES
    assert [text or "" for text in cells["name"]] == NAMES
    assert [vector is not None for vector in cells["embedding"]] == USABLE
    assert [key is not None for key in cells["inchikey"]] == USABLE
    assert [reason is None for reason in cells["reason"]] == USABLE
    keys, vectors, made_by = read_embeddings(tmp_path / "out.parquet")
    assert made_by == model.model_hash == model_of(tmp_path / "out.parquet")
    assert [key is not None for key in keys] == USABLE
    np.testing.assert_array_equal(np.isfinite(vectors).all(axis=1), USABLE)
    expected = encode(SMILES, model, device="cpu")
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-5)
    # A salt is its parent.
    np.testing.assert_array_equal(vectors[6], vectors[3])


def test_lines_of_an_sdf_are_those_where_its_records_begin(tmp_path: Path) -> None:
    sdf(tmp_path / "m.sdf")
    text = (tmp_path / "m.sdf").read_text().splitlines()
    records = [record for part in structures.read_structures(tmp_path / "m.sdf") for record in part]
    assert [text[record.line - 1] for record in records] == NAMES
    assert [record.structure.reason for record in records] == [
        None,
        None,
        "unreadable molfile",
        None,
        "no atoms",
        None,
        None,
    ]


def test_stereo_of_a_molfile_is_kept(tmp_path: Path) -> None:
    from rdkit.Chem import AllChem

    molecule = Chem.MolFromSmiles("C[C@H](N)C(=O)O")
    AllChem.Compute2DCoords(molecule)
    (tmp_path / "m.sdf").write_text(Chem.MolToMolBlock(molecule) + "$$$$\n")
    ((record,),) = structures.read_structures(tmp_path / "m.sdf")
    assert record.structure.smiles == "C[C@H](N)C(=O)O"


def test_rejects_are_said_counted_and_listed(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "m.csv"
    source.write_text("smiles\n" + "C1CC\n" * 7 + "\n" + "CC\n" + "CC,CC\n" + "NA\n")
    words = ["--smiles", str(source), "--checkpoint", str(checkpoint), "--out", str(tmp_path / "o.parquet")]
    command.main(command.build_parser().parse_args([*words, "--rejects", str(tmp_path / "rejects.csv")]))
    said = capsys.readouterr()
    assert [line.split(": ")[0] for line in said.err.splitlines()[:5]] == [f"{source}:{line}" for line in range(2, 7)]
    assert "10 of 11 structures cannot be used" in said.err
    assert f"1 embeddings of 11 records, model {load(checkpoint).model_hash[:16]}" in said.out
    with (tmp_path / "rejects.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [int(row["line"]) for row in listed] == [2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert [row["reason"] for row in listed[6:]] == [
        "unparsable SMILES", "no structure", "2 fields, expected 1", "no structure"
    ]  # fmt: skip
    assert pq.read_table(tmp_path / "o.parquet")["line"].to_pylist() == list(range(2, 13))


def test_a_file_that_fails_leaves_nothing_behind(tmp_path: Path, model: Checkpoint) -> None:
    cut = tmp_path / "m.smi.gz"
    rng = np.random.default_rng(0)
    text = "".join("C" * length + "O\n" for length in rng.integers(1, 60, 3000))
    cut.write_bytes(gzip.compress(text.encode())[:-200])
    with pytest.raises(InputError, match="truncated or damaged gzip"):
        encode_file(cut, tmp_path / "o.parquet", model, Options(standardise=False), rejects=tmp_path / "r.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["m.smi.gz"]


@pytest.mark.parametrize(
    ("name", "content", "more", "message"),
    [
        ("m.xyz", "CC", {}, "cannot tell the format"),
        ("m.csv", "structure\nCC\n", {}, r"m\.csv:1: missing column smiles; there are structure; say --column"),
        ("m.csv", "smiles\nCC\n", {"column": "canonical"}, r"missing column canonical; there are smiles$"),
        ("m.csv", "smiles\nCC\n", {"name_column": "Title"}, "missing column title"),
        ("m.csv", 'smiles,name\nCC,"a\nCCC,b\n', {}, r"m\.csv:2: a quote is opened and never closed"),
        ("m.smi", "CC\n", {"column": "smiles"}, "this file has none"),
        ("m.csv", "smiles\n", {}, "no structures"),
        ("m.smi", "", {}, "no structures"),
        ("m.sdf", "\n\n", {}, "no structures"),
        ("m.parquet", "PAR1", {}, "not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, name: str, content: str, more: dict[str, str], message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        list(structures.read_structures(tmp_path / name, **more))


def test_numbers_are_no_structures(tmp_path: Path) -> None:
    pd.DataFrame({"smiles": [1, 2]}).to_parquet(tmp_path / "m.parquet")
    with pytest.raises(InputError, match="column smiles: expected text, found int64"):
        list(structures.read_structures(tmp_path / "m.parquet"))


def test_structures_can_be_taken_as_they_are(model: Checkpoint, tmp_path: Path) -> None:
    salt, parent = "CC(=O)[O-].[Na+]", "CC(=O)O"
    standard = encode([salt, parent], model)
    as_they_are = encode([salt, parent, "C1CC", "", "C" * 3000], model, standardise=False)
    np.testing.assert_allclose(as_they_are[1], standard[1], rtol=1e-5, atol=1e-6)
    assert not np.allclose(as_they_are[0], standard[0])
    assert np.isnan(as_they_are[2:]).all()
    source = tmp_path / "m.csv"
    source.write_text(f"smiles,inchikey\n{parent},STATED\n{salt},\n")
    encode_file(source, tmp_path / "o.parquet", model, Options(standardise=False))
    keys, _, _ = read_embeddings(tmp_path / "o.parquet")
    assert keys.tolist() == ["STATED", Chem.MolToInchiKey(Chem.MolFromSmiles(salt))]


def test_precision_and_batch_size_change_the_numbers_a_little_or_not(model: Checkpoint) -> None:
    smiles = ["CCO", "c1ccccc1", "CC(=O)O", "CCN"]
    exact = encode(smiles, model, device="cpu")
    np.testing.assert_allclose(encode(smiles, model, device="cpu", batch_size=1), exact, rtol=1e-5, atol=1e-5)
    rough = encode(smiles, model, device="cpu", precision="bfloat16")
    assert rough.dtype == np.float32
    assert not np.array_equal(rough, exact)
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (rough, exact)]
    assert (unit[0] * unit[1]).sum(axis=1).min() > 0.999
    with pytest.raises(InputError, match="float32 or bfloat16"):
        encode(smiles, model, precision="float8")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one"):
        encode(smiles, model, batch_size=0)


def test_a_table_says_what_became_of_each_structure(model: Checkpoint) -> None:
    vectors, table = encode_with_reasons(SMILES, model, device="cpu")
    np.testing.assert_array_equal(np.isfinite(vectors).all(axis=1), USABLE)
    assert table["smiles"].tolist() == ["CCO", "c1ccccc1", None, "CC(=O)O", None, "CCO", "CC(=O)O"]
    assert table["reason"].isna().tolist() == USABLE
    none, empty = encode_with_reasons([], model)
    assert none.shape == (0, 300)
    assert list(empty.columns) == ["inchikey", "smiles", "reason"]


def test_processes_give_the_same(model: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    smiles = [f"{'C' * n}O" for n in range(1, 60)]
    here = encode(smiles, model, device="cpu")
    monkeypatch.setattr(structures, "CHUNK", 8)
    np.testing.assert_allclose(encode(smiles, model, device="cpu"), here, rtol=1e-5, atol=1e-4)


def test_embeddings_written_are_embeddings_read(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 300)).astype(np.float32)
    vectors[1] = np.nan
    write_embeddings(tmp_path / "e.parquet", ["a", None, "b"], vectors, "m" * 64)
    keys, found, made_by = read_embeddings(tmp_path / "e.parquet")
    np.testing.assert_array_equal(found, vectors)
    assert keys.tolist() == ["a", None, "b"]
    assert made_by == "m" * 64
    for rows in (vectors[:0], vectors[1:2]):
        write_embeddings(tmp_path / "e.parquet", [None] * len(rows), rows, "m")
        np.testing.assert_array_equal(read_embeddings(tmp_path / "e.parquet")[1], rows)
    (tmp_path / "no.parquet").write_text("nonsense")
    with pytest.raises(ArtefactError, match="expected form"):
        read_embeddings(tmp_path / "no.parquet")
    with pytest.raises(ArtefactError, match=r"learn\.encode --graph"):
        read_embeddings(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--smiles", "a.csv"], "needs --out"),
        (["--smiles", "a.csv", "--out", "b", "--publish"], "--graph"),
        (["--graph", "--no-standardise"], "go with --smiles"),
        (["--graph", "--rejects", "r.csv"], "go with --smiles"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        command.main(command.build_parser().parse_args(words))


def test_atoms_of_no_molecule_change_nothing(model: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    smiles = ["CCO", "c1ccccc1", "C", "CC(=O)Oc1ccccc1C(=O)O"]
    plain = encode(smiles, model, device="cpu")
    monkeypatch.setattr("learn.encode.ATOMS", 3)
    np.testing.assert_allclose(encode(smiles, model, device="cpu"), plain, rtol=1e-5, atol=1e-5)
