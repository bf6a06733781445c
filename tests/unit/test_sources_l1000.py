"""L1000 signatures in every form: cells in their place, what was perturbed, conditions, and damaged files."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind
from ingest.assemble import IngestOptions, assemble
from ingest.edges.rules import EdgeRules
from ingest.records import SourceRecords
from ingest.sources import SOURCES, _gct
from ingest.sources._gct import read_gct, read_gctx

BRD, OTHER = "BRD-K00000001", "BRD-A00000002"
ETHANOL = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"

Fields = Mapping[str, Sequence[object]]

GENES: Fields = {
    "pr_gene_id": ["780", "-666", "7157.0"],
    "pr_gene_symbol": ["DDR1", "PAX8", "TP53"],
    "pr_gene_title": ["discoidin", "-666", ""],
}
IDS = ["200000_at", "200001_at", "200002_at"]
SIGNATURES: Fields = {
    "pert_id": [f"{BRD}-001-01-1", OTHER, "KO1", "OE1", "TRCN1", "DMSO", "lab-7", "lab-8"],
    "pert_iname": ["one", "-666", "TP53", "ddr1", "TP53", "DMSO", "seven", "eight"],
    "pert_type": ["trt_cp", "trt_cp", "trt_xpr", "trt_oe", "trt_sh.cgs", "ctl_vehicle", "trt_cp", "trt_cp"],
    "canonical_smiles": ["CCO", "restricted", "-666", "", "-666", "CS(C)=O", "CCN", "NaN"],
    "inchi_key": [f"InChIKey={ETHANOL}", "-666", "", "", "", "", "", "-666"],
    "cell_id": ["PC3", "-666", "A375", "A375", "A375", "PC3", "PC3", "PC3"],
    "pert_itime": ["24 h", "6 h", "4 days", "-666", "96 h", "24 h", "24 h", "24 h"],
    "pert_idose": ["10 µM", "10 nM", "-666", "1 ng/ml", "-666", "0.1 %", "2.5uM", "10 uM|20 uM"],
    "det_plate": ["P1", "P1", "P2", "P2", "P2", "P1", "-666", "P1"],
}
NAMES = [f"S{number}" for number in range(1, 9)]
VALUES = np.arange(24, dtype=np.float32).reshape(8, 3) / 8 - 1  # (signatures, genes)


def gct(
    path: Path,
    values: Any = VALUES,
    ids: Sequence[str] = IDS,
    names: Sequence[str] = NAMES,
    genes: Fields = GENES,
    signatures: Fields = SIGNATURES,
    counts: str | None = None,
    version: str = "#1.3",
) -> Path:
    """Write a GCT file; `values` is (signatures, genes)."""
    if counts is None:
        counts = "\t".join(str(len(part)) for part in (ids, names, genes, signatures))
    rows = [["id", *genes, *names]]
    rows += [[field, *["na"] * len(genes), *cells] for field, cells in signatures.items()]
    rows += [
        [name, *(cells[place] for cells in genes.values()), *(row[place] for row in values)]
        for place, name in enumerate(ids)
    ]
    text = "\n".join([version, counts, *("\t".join(map(str, row)) for row in rows)]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def gctx(
    path: Path,
    values: Any = VALUES,
    ids: Sequence[str] = IDS,
    names: Sequence[str] = NAMES,
    genes: Fields = GENES,
    signatures: Fields = SIGNATURES,
    version: object = "GCTX1.0",
) -> Path:
    """Write a GCTX file as cmapPy does; `values` is (signatures, genes), as the format has it."""
    with h5py.File(path, "w") as file:
        if version is not None:
            file.attrs["version"] = version
        file.create_dataset("/0/DATA/0/matrix", data=np.asarray(values))
        for group, listed, fields in (("ROW", ids, genes), ("COL", names, signatures)):
            file.create_dataset(f"/0/META/{group}/id", data=np.array(listed, dtype="S"))
            for field, cells in fields.items():
                data = [cell.encode() if isinstance(cell, str) else cell for cell in cells]
                file.create_dataset(f"/0/META/{group}/{field}", data=np.array(data))
    return path


WRITERS: dict[str, Callable[..., Path]] = {"x.gct": gct, "x.gct.gz": gct, "x.gctx": gctx}


def read(path: Path) -> SourceRecords:
    return SOURCES["l1000"].records(path)


def plain(table: pd.DataFrame) -> list[list[object]]:
    """Return the rows with None for what is missing."""
    return [[None if pd.isna(cell) else cell for cell in row] for row in table.to_numpy(object).tolist()]


@pytest.mark.parametrize("name", WRITERS)
def test_both_formats_give_the_same_signatures(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name)
    records = read(path)
    (profiles,) = records.profiles
    assert profiles.node_type == NodeType.EXPRESSION
    assert profiles.feature_space == "l1000-x-3"
    assert profiles.columns == tuple(IDS)
    assert [tuple(ref) for ref in profiles.column_genes or ()] == [
        ("ncbi", "780"),
        ("symbol", "PAX8"),
        ("ncbi", "7157"),
    ]
    # Row by row and cell by cell: a transposed matrix would not have this shape, a shuffled one not these numbers.
    assert profiles.values.dtype == np.float32
    assert profiles.values.tolist() == [
        [-1.0, -0.875, -0.75],
        [-0.625, -0.5, -0.375],
        [-0.25, -0.125, 0.0],
        [0.125, 0.25, 0.375],
        [1.25, 1.375, 1.5],
    ]
    assert plain(profiles.table[["record", "namespace", "value", "perturbation"]]) == [
        ["S1", "brd", BRD, "compound"],
        ["S2", "brd", OTHER, "compound"],
        ["S3", "symbol", "TP53", "crispr"],
        ["S4", "symbol", "ddr1", "orf"],
        ["S7", "smiles", "CCN", "compound"],
    ]
    assert plain(profiles.table[["cell_line", "hours", "dose_um", "plate"]]) == [
        ["PC3", 24.0, 10.0, "P1"],
        [None, 6.0, 0.01, "P1"],
        ["A375", 96.0, None, "P2"],
        ["A375", None, None, "P2"],
        ["PC3", 24.0, 2.5, None],
    ]
    first = 1 if name == "x.gctx" else 5  # an id and three fields of genes before the first signature
    assert profiles.table["line"].tolist() == [first + place for place in (0, 1, 2, 3, 6)]
    assert profiles.table["line"].dtype == np.int64
    assert records.rejects[["line", "key", "reason", "kept"]].to_numpy().tolist() == [
        [first + 4, "S5", "this kind of treatment is not read: trt_sh.cgs", False],
        [first + 5, "S6", "negative control", False],
        [first + 7, "S8", "no identifier of a compound: S8", False],
    ]
    assert records.files == (path,)


@pytest.mark.parametrize("name", WRITERS)
def test_structures_and_genes_of_the_file(tmp_path: Path, name: str) -> None:
    records = read(WRITERS[name](tmp_path / name))
    (structures,) = records.structures
    assert not structures.is_node
    assert plain(structures.table[["namespace", "value", "smiles", "inchikey", "name"]]) == [
        ["brd", BRD, "CCO", ETHANOL, "one"],
        ["smiles", "CCN", "CCN", None, "seven"],
    ]
    (genes,) = records.genes
    lines = [1, 3] if name == "x.gctx" else [13, 15]
    assert plain(genes.table[["line", "ncbi_id", "symbol", "name"]]) == [
        [lines[0], 780, "DDR1", "discoidin"],
        [lines[1], 7157, "TP53", None],
    ]


def test_fields_of_gctx_may_be_numbers(tmp_path: Path) -> None:
    genes: Fields = {"pr_gene_id": [780, 7849, 7157], "pr_is_lm": [1, 0, 1]}
    signatures: Fields = {
        "pert_id": [BRD, OTHER],
        "pert_time": [24.0, -666.0],
        "pert_time_unit": ["h", "h"],
        "pert_dose": np.array([0.12, np.nan], dtype=np.float32),
        "pert_dose_unit": ["um", "um"],
    }
    path = gctx(
        tmp_path / "n.gctx", VALUES[:2].astype(np.float64), names=["1", "2"], genes=genes, signatures=signatures
    )
    with h5py.File(path, "a") as file:
        del file["/0/META/COL/id"], file.attrs["version"]
        file["/0/META/COL/id"] = [["a"], ["b"]]  # one column, text of any length
        file["/0/META/COL/shape"] = np.zeros(2, dtype=[("x", "f4")])  # nothing that describes a signature
        file.create_group("/0/META/COL/more")
    (profiles,) = read(path).profiles
    assert profiles.column_genes == (("ncbi", "780"), ("ncbi", "7157"))
    assert profiles.columns == ("200000_at", "200002_at")
    assert profiles.values.tolist() == [[-1.0, -0.75], [-0.625, -0.375]]
    assert plain(profiles.table[["record", "hours", "dose_um"]]) == [["a", 24.0, 0.12], ["b", None, None]]
    assert gctx(path, version=np.array([b"GCTX1.0"])) == path
    assert len(read(path).profiles[0].table) == 5


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ({"pr_is_lm": ["1", "0", "1"]}, [0, 2]),
        ({"feature_space": ["inferred", "landmark", "best inferred"]}, [1]),
        ({"pr_is_lm": ["0", "0", "0"]}, [0, 1, 2]),
    ],
)
def test_landmarks_alone_are_kept(tmp_path: Path, name: str, flags: Fields, kept: list[int]) -> None:
    path = WRITERS[name](
        tmp_path / name, genes={**GENES, **flags}, names=[f"{BRD}:{n}" for n in range(8)], signatures={}
    )
    (profiles,) = read(path).profiles
    assert profiles.feature_space == f"l1000-x-{len(kept)}"
    assert profiles.columns == tuple(IDS[place] for place in kept)
    np.testing.assert_array_equal(profiles.values, VALUES[:, kept])
    line = 1 if name == "x.gctx" else 4
    assert read(path).genes == () or set(read(path).genes[0].table["line"]) <= {line + place for place in kept}


def test_rows_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    ids, names = [f"g{n}" for n in range(7)], [f"s{n}" for n in range(50)]
    path = gctx(tmp_path / "x.gctx", values, ids, names, genes={}, signatures={})
    with h5py.File(path, "a") as file:
        del file["/0/DATA/0/matrix"]
        file.create_dataset("/0/DATA/0/matrix", data=values, chunks=(6, 3), compression="gzip")
    wanted = np.array([True, False, True, True, False, False, True])
    for block in (1, 40, 7 * 13, 10**6):
        monkeypatch.setattr(_gct, "_BLOCK", block)
        found = read_gctx(path, lambda _: wanted)
        np.testing.assert_array_equal(found.values, values[:, wanted])
        assert found.gene_places.tolist() == [1, 3, 4, 7]
        np.testing.assert_array_equal(read_gctx(path).values, values)


def test_gct_1_2(tmp_path: Path) -> None:
    path = tmp_path / "My table (1).GCT"
    path.write_bytes(
        "\ufeff#1.2\t\t\r\n2\t3\t\t\r\n"
        f"NAME\tDescription\t{BRD}\tDB00014\t{ETHANOL}\r\n"
        "780\tdiscoidin\t1\t \tNA\r\n"
        "ENSG00000141510.17\t-666\t-1e-3\tinf\t2.5\r\n"
        "\r\n".encode()
    )
    (profiles,) = read(path).profiles
    assert profiles.feature_space == "l1000-my-table-1-2"
    assert [tuple(ref) for ref in profiles.column_genes or ()] == [("ncbi", "780"), ("ensembl", "ENSG00000141510.17")]
    expected = np.array([[1, -1e-3], [np.nan, np.inf], [np.nan, 2.5]], np.float32)
    np.testing.assert_array_equal(profiles.values, expected)
    assert profiles.table[["line", "namespace", "value"]].to_numpy().tolist() == [
        [3, "brd", BRD],
        [4, "drugbank", "DB00014"],
        [5, "inchikey", ETHANOL],
    ]
    assert read_gct(path).genes["Description"].tolist() == ["discoidin", ""]


WIDE = [
    f"CPC005_A375_6H:{BRD}-003-01-7:10,1,2,3",
    "DB00014,4,,6",
    f"{ETHANOL},-7,8e-1,inf",
    f"{BRD}+{OTHER},0,0,0",
    "CGS001_A375:TRCN0000010389,1,1,1",
    ",2,2,2",
]


@pytest.mark.parametrize("name", ["w.csv", "w.csv.gz", "w.tsv", "w.parquet"])
@pytest.mark.parametrize("first", ["sig_id", ""])
def test_wide_tables(tmp_path: Path, name: str, first: str) -> None:
    path = tmp_path / name
    text = "\n".join([f"{first},780,TP53,ENSG00000141510.17", *WIDE]) + "\n"
    if name.endswith("parquet"):
        frame = pd.DataFrame([row.split(",") for row in text.splitlines()[1:]], columns=text.split("\n")[0].split(","))
        frame.iloc[:, 1:] = frame.iloc[:, 1:].replace("", "nan")
        frame.astype(dict.fromkeys(frame.columns[1:], float)).to_parquet(path)
    elif name.endswith("gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text.replace(",", "\t") if name.endswith("tsv") else text)
    records = read(path)
    (profiles,) = records.profiles
    assert profiles.feature_space == "l1000-w-3"
    assert [ref.namespace for ref in profiles.column_genes or ()] == ["ncbi", "symbol", "ensembl"]
    assert profiles.table[["namespace", "value"]].to_numpy().tolist() == [
        ["brd", BRD],
        ["drugbank", "DB00014"],
        ["inchikey", ETHANOL],
    ]
    expected = np.array([[1, 2, 3], [4, np.nan, 6], [-7, 0.8, np.inf]], dtype=np.float32)
    np.testing.assert_array_equal(profiles.values, expected)
    start = 1 if name.endswith("parquet") else 2
    assert profiles.table["line"].tolist() == [start, start + 1, start + 2]
    assert records.rejects["line"].tolist() == [start + 3, start + 4, start + 5]
    assert set(records.rejects["reason"].str.partition(":")[0]) == {"no identifier of a compound"}
    assert records.structures == ()


def test_faults_of_wide_tables(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text(f"id,TP53\n{BRD},high\n")
    with pytest.raises(InputError, match=r"w.csv:2: column TP53: expected a number, found 'high'"):
        read(path)
    path.write_text(f"gene,{BRD},DB00014\n780,1,2\n")
    with pytest.raises(InputError, match=r"w.csv:1: the columns are compounds; expected a row a signature"):
        read(path)
    path.write_text(f"id\n{BRD}\n")
    with pytest.raises(InputError, match=r"w.csv:1: there is no column of a gene"):
        read(path)
    path.write_bytes(b"id,TP53\rx,1\n")
    with pytest.raises(InputError, match=r"w.csv:1: not readable as a table: a carriage return"):
        read(path)
    path.write_text("id,TP53\nx,1\n")
    records = read(path)
    assert (records.profiles, len(records.rejects)) == ((), 1)
    with pytest.raises(InputError, match="cannot tell the format from the name"):
        read(path.rename(tmp_path / "w.xlsx"))


def test_a_folder_holds_a_feature_space_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no signatures \(\*.gctx, .*in this folder"):
        read(tmp_path)
    (tmp_path / "README.txt").write_text("about")
    gct(tmp_path / "a.gct.gz")
    gctx(tmp_path / "b.gctx")
    records = read(tmp_path)
    assert [table.feature_space for table in records.profiles] == ["l1000-a-3", "l1000-b-3"]
    assert [path.name for path in records.files] == ["a.gct.gz", "b.gctx"]
    assert len(records.rejects) == 6
    gctx(tmp_path / "a.gctx")
    with pytest.raises(InputError, match=r"a.gctx: l1000-a-3 is the name of a.gct.gz as well; rename one"):
        read(tmp_path)


def test_a_compound_by_the_best_identifier_there_is(tmp_path: Path) -> None:
    signatures: Fields = {
        "PERT_ID": ["lab-1", "lab-2", "-666", "-666", "DB00014"],
        "inchi_key": [ETHANOL, "no key", "-666", "-666", ETHANOL],
        "smiles": ["CCO", "CCO", "-666", "-666", "CCO"],
    }
    names = ["a", "b", "DB00015", f"x:{OTHER}:10", "e"]
    (profiles,) = read(gct(tmp_path / "x.gct", VALUES[:5], names=names, signatures=signatures)).profiles
    assert profiles.table[["namespace", "value"]].to_numpy().tolist() == [
        ["inchikey", ETHANOL],
        ["smiles", "CCO"],
        ["drugbank", "DB00015"],
        ["brd", OTHER],
        ["drugbank", "DB00014"],
    ]


def test_end_to_end(tmp_path: Path) -> None:
    rules = EdgeRules(expression_share=1)
    result = assemble({"l1000": read(gctx(tmp_path / "x.gctx"))}, IngestOptions(gene_profiles="nodes", rules=rules))
    edges = result.tables.edges
    molecules = result.tables.nodes[NodeType.MOLECULE]
    assert ETHANOL in set(molecules["inchikey"])
    assert len(edges[EdgeKind(EdgeType.HAS_EXPRESSION, NodeType.MOLECULE, NodeType.EXPRESSION)]) == 2
    assert sorted(edges[EdgeKind(EdgeType.HAS_EXPRESSION, NodeType.GENE, NodeType.EXPRESSION)]["src"]) == [780, 7157]
    changed = edges[EdgeKind(EdgeType.CHANGES_EXPRESSION, NodeType.MOLECULE, NodeType.GENE)]
    assert set(changed["dst"]) == {780, 7157}
    reasons = dict(zip(result.rejects["key"], result.rejects["reason"], strict=True))
    assert reasons["S2"] == f"no structure for brd {OTHER}"
    assert reasons["PAX8"] == "unknown gene: symbol 'PAX8' is in none of the gene tables"


LINE = "g\t1\t2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r":1: not a GCT file: expected #1.2 or #1.3, found ''"),
        (b"#1.4\n1\t1\t0\t0\nid\ta\ng\t1\n", r":1: not a GCT file: .* found '#1.4'"),
        (b"\n#1.3\n", r":1: not a GCT file"),
        (bytes(range(255, -1, -1)) * 50, r":1: not UTF-8 text"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), r":\d+: not .*text"),
        (b"garbage without an end " * 100_000, r":1: not a GCT file: .* found 'garbage"),
        (b"#1.3\n", r":2: expected 4 numbers separated by tabs, found ''"),
        (b"#1.3\n1\t2\n", r":2: expected 4 numbers separated by tabs, found '1 2'"),
        (b"#1.2\n1\t2\t0\t0\n", r":2: expected 2 numbers"),
        (b"#1.3\n1\ttwo\t0\t0\n", r":2: expected 4 numbers separated by tabs, found '1 two 0 0'"),
        (b"#1.3\n-1\t2\t0\t0\n", r":2: expected 4 numbers"),
        (b"#1.3\n" + b"9" * 6000 + b"\t2\t0\t0\n", r":2: expected 4 numbers"),
        (b"#1.3\n0\t2\t0\t0\nid\ta\tb\n", r":2: no genes or no signatures"),
        (b"#1.3\n100000\t100000\t0\t0\n", r":2: 100,000 signatures of 100,000 genes are more than 4,000,000,000 cells"),
        (b"#1.3\n1\t2\t0\t0\n", r":2: the file ends before what line 2 states: the ids of the signatures"),
        (b"#1.3\n1\t3\t0\t0\nid\ta\tb\n" + LINE.encode(), r":3: 3 fields, but line 2 states 4"),
        (b"#1.3\n2\t2\t0\t0\nid\ta\tb\n" + LINE.encode(), r":2: the file ends before what line 2 states: 2 genes"),
        (b"#1.3\n1\t2\t0\t0\nid\ta\tb\n" + 2 * LINE.encode(), r":5: more lines than the 1 genes that line 2 states"),
        (b"#1.3\n1\t2\t0\t1\nid\ta\tb\n" + LINE.encode(), r":2: the file ends before what line 2 states: 1 genes"),
        (b"#1.3\n1\t2\t0\t0\nid\ta\tb\ng\t1\n", r":4: 2 fields, but line 2 states 3"),
        (b"#1.3\n1\t2\t0\t0\nid\ta\tb\ng\t1\tx1\n", r":4: signature b: expected a number, found 'x1'"),
        (b"#1.3\n1\t2\t0\t0\nid\ta\tb\ng\t1\t1_0\n", r":4: signature b: expected a number, found '1_0'"),
        (b"#1.3\n1\t2\t0\t0\nid\ta\ta\n" + LINE.encode(), r":3: signature id 'a' occurs more than once"),
        (b"#1.3\n2\t2\t0\t0\nid\ta\tb\n" + 2 * LINE.encode(), r":5: gene id 'g' occurs more than once"),
        (b"#1.3\n1\t2\t0\t0\nid\ta\tb\n \t1\t2\n", r":4: gene 1 has no id"),
        (b"#1.3\n1\t1\t0\t2\nid\ta\nf\tx\nf\ty\ng\t1\n", r":5: field f occurs more than once"),
        (b"#1.3\n1\t1\t2\t0\nid\tf\tf\ta\ng\t1\t2\t3\n", r":3: field f occurs more than once"),
    ],
)
def test_damaged_gct(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "d.gct"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"d.gct{message}"):
        read(path)


def test_truncated_gct_wherever_it_ends(tmp_path: Path) -> None:
    whole = gct(tmp_path / "x.gct").read_bytes()
    path = tmp_path / "cut.gct"
    for size in range(0, len(whole) - 12, 7):  # a number that lost its last digits is a number
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut.gct:\d+: "):
            read(path)
    packed = gzip.compress(whole)
    path = tmp_path / "cut.gct.gz"
    for cut in (packed[:-12], packed[:40] + bytes(20) + packed[60:], whole):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"cut.gct.gz:\d+: truncated or damaged gzip"):
            read(path)


def test_a_number_too_large_for_float32_is_infinite(tmp_path: Path) -> None:
    path = gct(tmp_path / "x.gct", [["1e39", "-1e400", "9" * 400]], names=[BRD], genes={}, signatures={})
    assert read(path).profiles[0].values.tolist() == [[np.inf, -np.inf, np.inf]]


def _drop(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def _put(name: str, data: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = data

    return change


def _huge(file: h5py.File) -> None:
    """Put a matrix of 5e9 cells that takes no space, with ids that fit to its genes."""
    del file["/0/DATA/0/matrix"], file["/0/META/ROW"]
    file.create_dataset("/0/DATA/0/matrix", shape=(1_000_000, 5_000), dtype="f4", chunks=(1000, 1000))
    file["/0/META/ROW/id"] = np.arange(5_000).astype("S")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("/0/DATA/0/matrix"), r"no data set /0/DATA/0/matrix; is this a GCTX file\?"),
        (_drop("/0"), r"no data set /0/DATA/0/matrix"),
        (_drop("/0/META/ROW/id"), r"no data set /0/META/ROW/id"),
        (_drop("/0/META/COL"), r"no data set /0/META/COL/id"),
        (_put("/0/DATA/0/matrix", VALUES.T), r"/0/META/ROW/id: 3 entries, but 8 in the matrix"),
        (_put("/0/DATA/0/matrix", VALUES[:7]), r"/0/META/COL/id: 8 entries, but 7 in the matrix"),
        (
            _put("/0/DATA/0/matrix", VALUES[0]),
            r"/0/DATA/0/matrix: expected a matrix of numbers, found float32 of shape \(3,\)",
        ),
        (_put("/0/DATA/0/matrix", VALUES.astype("S8")), r"/0/DATA/0/matrix: expected a matrix of numbers, found \|S8"),
        (
            _put("/0/DATA/0/matrix", np.empty((0, 3), np.float32)),
            r"/0/DATA/0/matrix: expected a matrix of numbers, .* \(0, 3\)",
        ),
        (_put("/0/DATA/0/matrix", h5py.Empty("f4")), r"/0/DATA/0/matrix: expected a matrix of numbers"),
        (_put("/0/META/COL/pert_type", ["trt_cp"] * 5), r"/0/META/COL/pert_type: 5 entries, but 8 in the matrix"),
        (_put("/0/META/COL/id", ["a"] * 8), r"signature id 'a' occurs more than once"),
        (_put("/0/META/COL/id", ["a", ""] * 4), r"signature 2 has no id"),
        (_put("/0/META/ROW/id", np.zeros(3, dtype=[("x", "f4")])), r"/0/META/ROW/id: expected text"),
        (_put("/0/META/ROW/id", np.array([b"\xff\xfe", b"a", b"b"])), r"not an HDF5 file, or a damaged one \(.*utf-8"),
        (_huge, r"1,000,000 signatures of 5,000 genes are more than 4,000,000,000 cells"),
        (lambda file: file.attrs.update(version="GCTX2.0"), r"expected version GCTX1.0, found 'GCTX2.0'"),
    ],
)
def test_damaged_gctx(tmp_path: Path, change: Callable[[h5py.File], None], message: str) -> None:
    path = gctx(tmp_path / "d.gctx")
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=f"d.gctx: {message}"):
        read(path)


def test_what_is_no_hdf5_or_not_the_whole_of_it(tmp_path: Path) -> None:
    path = tmp_path / "d.gctx"
    whole = gctx(path).read_bytes()
    for content in (b"", b"#1.3\n", bytes(5000), whole[:8], whole[:-1], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"d.gctx: not an HDF5 file, or a damaged one"):
            read(path)
    with pytest.raises(InputError, match=r"d.gctx.gz: HDF5 cannot be read out of a gzip file: unpack it first"):
        read(path.rename(tmp_path / "d.gctx.gz"))


def test_bytes_changed_in_the_middle_never_escape_as_another_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_gct, "PROBE_SECONDS", 5)
    path = tmp_path / "d.gctx"
    whole = gctx(path).read_bytes()
    rng = np.random.default_rng(0)
    told = []
    for _ in range(25):
        content = bytearray(whole)
        for place in rng.integers(0, 6000, 6):  # where its headers are
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            read(path)  # may have hit nothing that matters
        except InputError as error:
            told.append(str(error))
    assert told
    assert all("d.gctx" in message for message in told)


def test_a_library_that_loops_or_dies_is_an_error_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gctx(tmp_path / "d.gctx")
    monkeypatch.setattr(_gct, "PROBE_SECONDS", 1)
    monkeypatch.setattr(_gct, "_PROBE", "while True: pass")
    with pytest.raises(InputError, match=r"d.gctx: a damaged HDF5 file: no end of reading after 1 s"):
        read(path)
    monkeypatch.setattr(_gct, "PROBE_SECONDS", 60)
    monkeypatch.setattr(_gct, "_PROBE", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(InputError, match=r"d.gctx: a damaged HDF5 file: its library dies of it \(signal 9\)"):
        read(path)


@pytest.fixture(scope="module")
def consensus(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SourceRecords, Path]:
    """Return what the source ``lincs`` reads, and a folder with the same profiles as GCT and as GCTX."""
    folder = tmp_path_factory.mktemp("l1000")
    with gzip.open(shared_data / "lincs" / "consensi-drugbank.tsv.gz", "rt") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    with gzip.open(shared_data / "lincs" / "genes.tsv.gz", "rt") as file:
        symbols = {row["entrez_gene_id"]: row["symbol"] for row in csv.DictReader(file, delimiter="\t")}
    genes = {"pr_gene_id": header[1:], "pr_gene_symbol": [symbols[gene] for gene in header[1:]]}
    drugs = [row[0] for row in rows]
    described = {"pert_type": ["trt_cp"] * len(rows), "pert_id": drugs}
    ids = [f"{gene}_at" for gene in header[1:]]
    cells = [row[1:] for row in rows]
    names = [f"sig {drug}" for drug in drugs]
    gct(folder / "text.gct.gz", cells, ids, names, genes, described)
    gctx(folder / "binary.gctx", np.array(cells, dtype=np.float32), ids, names, genes, described)
    return SOURCES["lincs"].records(shared_data / "lincs"), folder


@pytest.mark.data
def test_the_real_consensus_reads_the_same_as_by_lincs(consensus: tuple[SourceRecords, Path]) -> None:
    lincs, folder = consensus
    (expected,) = lincs.profiles
    records = read(folder)
    assert records.rejects.empty
    assert [table.feature_space for table in records.profiles] == ["l1000-binary-978", "l1000-text-978"]
    for profiles in records.profiles:
        assert profiles.values.shape == (1170, 978)
        np.testing.assert_array_equal(profiles.values, expected.values)
        assert profiles.column_genes == expected.column_genes
        assert profiles.table["value"].tolist() == expected.table["value"].tolist()
        assert set(profiles.table["namespace"]) == {"drugbank"}
        row = {drug: place for place, drug in enumerate(profiles.table["value"])}
        pair = [profiles.values[row[drug]] for drug in ("DB00877", "DB06287")]  # sirolimus, temsirolimus
        assert np.corrcoef(pair)[0, 1] == pytest.approx(0.87, abs=0.005)
    known = dict(zip(lincs.genes[0].table["ncbi_id"], lincs.genes[0].table["symbol"], strict=True))
    for table in records.genes:
        assert len(table.table) == 978
        assert all(known[gene] == symbol for gene, symbol in table.table[["ncbi_id", "symbol"]].itertuples(index=False))


@pytest.mark.data
def test_the_real_file_is_itself_a_wide_table(consensus: tuple[SourceRecords, Path], shared_data: Path) -> None:
    (expected,) = consensus[0].profiles
    (profiles,) = read(shared_data / "lincs" / "consensi-drugbank.tsv.gz").profiles
    np.testing.assert_array_equal(profiles.values, expected.values)
    assert profiles.column_genes == expected.column_genes
    for name in ("line", "record", "namespace", "value"):
        assert profiles.table[name].tolist() == expected.table[name].tolist()
