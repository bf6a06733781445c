"""Damaged files of every source: one clear line that names the file, or rejects; never a traceback, never a hang."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from _source_files import MAKERS, SMILES, infoalign, molecules, profiles, save_matrix

from graphdb.errors import InputError
from graphdb.schema import NodeType
from ingest.assemble import Assembled, IngestOptions, assemble
from ingest.quality.page import render
from ingest.quality.summary import summarise
from ingest.records import SourceRecords
from ingest.sources import SOURCES, _read, _text
from ingest.sources._read import header, read_matrix, read_table

pytestmark = pytest.mark.timeout(30)


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def cells(path: Path) -> list[list[str]]:
    """Return the rows of a file that has no quotes; a line break within some is written as a blank."""
    text = unpacked(path).decode().replace('"of\nwine"', "of wine")
    return [line.split(mark(path)) for line in text.splitlines()]


def mark(path: Path) -> str:
    return "," if ".csv" in path.name else "\t"


def write(path: Path, content: bytes | list[list[str]]) -> None:
    if isinstance(content, list):
        content = ("\n".join(mark(path).join(row) for row in content) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def text_files() -> Iterator[tuple[str, str, list[str]]]:
    """Yield source, file and columns of every text file that the makers write."""
    for name, maker in MAKERS.items():
        with TemporaryDirectory() as folder:
            maker(Path(folder))
            for file in sorted(Path(folder).iterdir()):
                if file.suffix != ".npz":
                    yield name, file.name, cells(file)[0]


TEXT_FILES = list(text_files())
FILES = [(name, file) for name, file, _ in TEXT_FILES]
MATRICES = {
    "cmea": ("cell_morphology_profile.csv", "b"),
    "comas": ("comas_pnp_cell_painting_data.tsv", "Median_b"),
    "cpjump1": ("jump_phenotype_profiles.tsv", "Grape"),
    "lincs": ("consensi-drugbank.tsv", "2"),
    "profiles": ("mylab.csv", "a"),
}
"""Source → its table of profiles, and one feature of it; the matrices of infoalign are no text."""


def test_every_source_that_reads_files_is_here() -> None:
    # Files of these two are no tables of this kind; their own tests damage them.
    assert set(MAKERS) == set(SOURCES) - {"demo", "l1000", "ncbigene"}


@pytest.mark.parametrize("name", MAKERS)
def test_the_files_are_good_before_they_are_damaged(name: str, tmp_path: Path) -> None:
    records = SOURCES[name].records(MAKERS[name](tmp_path))
    assert len(records.structures) + len(records.genes) + len(records.profiles) + len(records.links) > 0
    assert built(name, records) is not None


def built(name: str, records: SourceRecords) -> Assembled:
    """Make a graph of the records: what is not valid does not get that far."""
    return assemble({name: records}, IngestOptions())


def refused(name: str, base: Path, file: str) -> str:
    """Return the message with which a source refuses a file; it is one line of bearable length and names the file."""
    with pytest.raises(InputError) as raised:
        SOURCES[name].records(base)
    message = str(raised.value)
    assert "\n" not in message
    assert len(message) < 700
    assert file.removesuffix(".gz") in message
    return message


@pytest.mark.parametrize(("name", "file", "column"), [(n, f, column) for n, f, names in TEXT_FILES for column in names])
def test_each_column_missing_in_turn(name: str, file: str, column: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    rows = cells(tmp_path / file)
    place = rows[0].index(column)
    write(tmp_path / file, [row[:place] + row[place + 1 :] for row in rows])
    try:
        records = SOURCES[name].records(base)
    except InputError:
        message = refused(name, base, file)
        assert column.lower() in message.lower() or len(rows[0]) == 1  # of one column nothing is left
    else:
        built(name, records)


def wrong_delimiter(content: bytes) -> bytes:
    return content.replace(b",", b";").replace(b"\t", b";")


def last_line(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    lines = content.rstrip(b"\n").split(b"\n")
    return b"\n".join([*lines[:-1], change(lines[-1])]) + b"\n"


RANDOM = np.random.default_rng(0).bytes(4096)
FAULTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "wrong delimiter": (wrong_delimiter, ""),
    "not UTF-8": (lambda content: last_line(content, lambda line: line + b"\xff"), "not UTF-8 text"),
    "UTF-16": (lambda content: content.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without its mark": (lambda content: content.decode().encode("utf-16-le"), "not text"),
    "a NUL byte": (lambda content: last_line(content, lambda line: line + b"\0"), "not text (a byte 0x00)"),
    "no text at all": (lambda content: RANDOM, "not"),
    "gzip under a plain name": (gzip.compress, "gzip"),
    "empty": (lambda content: b"", "the file is empty"),
    "blank": (lambda content: b"\n \n\n", "the file is empty"),
    "header only": (lambda content: content.split(b"\n")[0] + b"\n", "no records below the header"),
    "long row": (lambda content: last_line(content, lambda line: line + b",x\tx"), "fields, expected"),
    "open quote": (lambda content: last_line(content, lambda line: b'"' + line), "quote"),
    "carriage returns": (lambda content: content.replace(b"\n", b"\r"), "carriage return"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "file"), FILES)
def test_damaged_text(name: str, file: str, fault: str, packed: bool, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    damage, said = FAULTS[fault]
    if fault == "wrong delimiter" and len(cells(tmp_path / file)[0]) == 1:
        pytest.skip("one column has no delimiter")
    base, damaged = put(base, tmp_path / file, damage(unpacked(tmp_path / file)), packed=packed)
    if fault == "gzip under a plain name" and not packed:
        said = "packed by gzip"
    assert said in refused(name, base, damaged.name)


def put(base: Path, file: Path, content: bytes, *, packed: bool, raw: bool = False) -> tuple[Path, Path]:
    """Replace a file by `content`, plain or gzip; return what the source is given now, and the new file."""
    file.unlink()
    new = file.with_name(file.name.removesuffix(".gz") + (".gz" if packed else ""))
    new.write_bytes(gzip.compress(content) if packed and not raw else content)
    return (new if base == file else base), new


@pytest.mark.parametrize(("name", "file"), FILES)
def test_damaged_gzip(name: str, file: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    whole = gzip.compress(unpacked(tmp_path / file))
    middle = len(whole) // 2
    path = tmp_path / file
    for content in (whole[:middle], whole[:-3], whole[:5], whole + b"and more", b"no gzip"):
        base, path = put(base, path, content, packed=True, raw=True)
        assert "truncated or damaged gzip" in refused(name, base, path.name)
    # What comes out of a damaged middle may be refused before the checksum is reached.
    base, path = put(base, path, whole[:middle] + b"\xff" * 9 + whole[middle + 9 :], packed=True, raw=True)
    refused(name, base, path.name)


@pytest.mark.parametrize(("name", "file"), FILES)
def test_traps(name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzip that unpacks to much more than a table does, and a line without an end; with small bounds."""
    monkeypatch.setattr(_text, "MOST_UNPACKED", 10**5)
    monkeypatch.setattr(_text, "MOST_LINE", 10**4)
    monkeypatch.setattr(_text, "_BLOCK", 2**10)
    base = MAKERS[name](tmp_path)
    good = unpacked(tmp_path / file)
    base, path = put(base, tmp_path / file, good + b"\n" * 10**6, packed=True)
    assert "this is no table" in refused(name, base, path.name)
    base, path = put(base, path, good + b"C" * 10**5, packed=False)
    last = len(good.splitlines()) + 1
    assert f":{last}: a line of more than 10,000 bytes" in refused(name, base, path.name)
    base, path = put(base, path, good, packed=True)
    SOURCES[name].records(base)


@pytest.mark.parametrize(("name", "file"), FILES)
def test_what_is_not_as_usual_but_no_fault(name: str, file: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    good = unpacked(tmp_path / file)
    expected = built(name, SOURCES[name].records(base))
    path = tmp_path / file
    for content in (good.removesuffix(b"\n"), good + b"\n \n", b"\xef\xbb\xbf" + good):
        base, path = put(base, path, content, packed=False)
        found = built(name, SOURCES[name].records(base))
        assert found.tables.node_counts() == expected.tables.node_counts()
        assert found.rejects["line"].tolist() == expected.rejects["line"].tolist()


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_folder_in_place_of_a_file(name: str, file: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    (tmp_path / file).unlink()
    (tmp_path / file).mkdir()
    try:
        records = SOURCES[name].records(base)
    except InputError:
        refused(name, base, file)
    else:  # a file that may be absent
        assert all(path.name != file for path in records.files)


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_column_twice_or_without_a_name(name: str, file: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    rows = cells(tmp_path / file)
    write(tmp_path / file, [[*row, row[0]] for row in rows])
    said = refused(name, base, file)
    assert "occurs more than once" in said
    # The index of a data frame that was saved along.
    write(tmp_path / file, [[str(place or ""), *row] for place, row in enumerate(rows)])
    if (name in MATRICES and MATRICES[name][0] == file) or file == "transcriptomic_profile.csv":
        assert "column 1 has no name" in refused(name, base, file)
    else:
        built(name, SOURCES[name].records(base))


def change_feature(name: str, folder: Path, change: Callable[[int, str], str]) -> tuple[str, str]:
    """Replace the cells of one feature by `change` of row (from 0) and cell."""
    file, column = MATRICES[name]
    rows = cells(folder / file)
    place = rows[0].index(column)
    for number, row in enumerate(rows[1:]):
        row[place] = change(number, row[place])
    write(folder / file, rows)
    return file, column


@pytest.mark.parametrize("cell", ["NaN", "", "NA"])
@pytest.mark.parametrize("name", MATRICES)
def test_a_feature_that_is_missing_everywhere(name: str, cell: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    _, column = change_feature(name, tmp_path, lambda number, _: cell)
    records = SOURCES[name].records(base)
    table = next(table for table in records.profiles if column in table.columns)
    assert np.isnan(table.values[:, table.columns.index(column)]).all()
    assert len(table.table) > 0
    built(name, records)


@pytest.mark.parametrize("cell", ["inf", "-inf", "Infinity", "1e999", "1e39"])
@pytest.mark.parametrize("name", MATRICES)
def test_an_infinite_value_is_mended_and_said(name: str, cell: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    change_feature(name, tmp_path, lambda number, found: cell if number == 1 else found)
    result = built(name, SOURCES[name].records(base))
    rejects = result.rejects[result.rejects["reason"] == "1 infinite value(s) made missing"]
    assert rejects["line"].tolist() == [3]
    assert rejects["kept"].all()
    assert not any(np.isinf(matrix.values).any() for matrix in result.features)


@pytest.mark.parametrize(
    "cell", ["word", "=1+1", "+1+1", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0", "1" * 10 + "x" * 10**6]
)
@pytest.mark.parametrize("name", MATRICES)
def test_text_in_a_column_of_numbers(name: str, cell: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    file, column = change_feature(name, tmp_path, lambda number, found: cell if number else found)
    assert f"{file}:3: column {column}: expected a number, found {cell[:60]!r}"[:-1] in refused(name, base, file)
    change_feature(name, tmp_path, lambda number, found: cell)
    assert f"{file}:2: column {column}: expected a number" in refused(name, base, file)


@pytest.mark.parametrize("cell", ["inf", "word", "", "=1", "1e999"])
@pytest.mark.parametrize(
    ("name", "file", "column"),
    [
        ("comas", "comas_pnp_cell_painting_data.tsv", "Conc_uM"),
        ("cpjump1", "jump_phenotype_profiles.tsv", "Time"),
        ("profiles", "mylab.csv", "Metadata_Time"),
    ],
)
def test_conditions_are_finite_numbers(name: str, file: str, column: str, cell: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    rows = cells(tmp_path / file)
    rows[2][rows[0].index(column)] = cell
    write(tmp_path / file, rows)
    if name == "profiles" and not cell:  # a table of one's own may leave it open
        built(name, SOURCES[name].records(base))
    else:
        assert f"{file}:3: column {column}: expected".lower() in refused(name, base, file).lower()


@pytest.mark.parametrize("cell", ["9" * 30, "9" * 5000, "x", "-1", "1.5", "१"])
@pytest.mark.parametrize(
    ("name", "file", "column"),
    [
        ("lincs", "genes.tsv", "entrez_gene_id"),
        ("overexpression", "dysreg-overexpression.tsv", "perturbagen"),
        ("infoalign", "L1k_idmaps.csv", "ncbi_gene_id"),
        ("hetionet", "ppi-hetio-ind.tsv", "gene_1"),
        ("hetionet", "CbG-binding.tsv", "entrez_gene_id"),
        ("jump", "orf.csv", "Metadata_NCBI_Gene_ID"),
    ],
)
def test_gene_ids_are_numbers_of_64_bits(name: str, file: str, column: str, cell: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    rows = cells(tmp_path / file)
    rows[1][rows[0].index(column)] = cell
    write(tmp_path / file, rows)
    if name in ("hetionet", "jump"):
        rejects = built(name, SOURCES[name].records(base)).rejects
        found = rejects[rejects["file"].str.endswith(file) & (rejects["line"] == 2)]
        assert found["reason"].str.contains("not an NCBI gene id|no structure|names no gene").any()
        assert found["reason"].str.len().max() < 500
    else:
        assert f"{file}:2: expected an NCBI gene id" in refused(name, base, file)


STRUCTURES = [
    ("comas", "comas_pnp_cell_painting_data.tsv", "Smiles"),
    ("cpjump1", "JUMP-Target-1_compound_metadata.tsv", "smiles"),
    ("drugbank", "drugbank.tsv", "inchi"),
    ("infoalign", "structure.csv.gz", "smiles"),
    ("jump", "JUMPCP_compounds.csv", "smiles"),
    ("lincs", "pertinfo.tsv", "canonical_smiles"),
    ("molecules", "list.csv", "SMILES"),
    ("profiles", "mylab.csv", "Metadata_SMILES"),
    ("rephub", "repurposing_samples_20200324_standardized.csv", "SMILES_original"),
]


@pytest.mark.parametrize(("name", "file", "column"), STRUCTURES)
def test_a_smiles_of_a_million_characters_is_a_reject(name: str, file: str, column: str, tmp_path: Path) -> None:
    base = MAKERS[name](tmp_path)
    rows = cells(tmp_path / file)
    place = rows[0].index(column)
    good = [row[place] for row in rows[2:]]
    rows[1][place] = "C" * 10**6
    rows.append(["CCCCO" if place == number else f"z{number}" for number in range(len(rows[0]))])
    write(tmp_path / file, rows if file not in {name for name, _ in MATRICES.values()} else rows[:-1])
    records = SOURCES[name].records(base)
    assert 10**6 in {
        len(text) for table in records.structures for text in table.table.get(column_of(table.table)) if text
    }
    result = built(name, records)
    assert all(len(text) < 500 for text in (*result.rejects["key"], *result.rejects["reason"]))
    if any(table.is_node for table in records.structures):
        reasons = result.rejects.loc[result.rejects["reason"].str.startswith("too long"), "reason"]
        assert reasons.str.startswith("too long: 1,000,000 characters, at most 2,000").any()
        kept = len([text for text in (*good, "CCCCO") if text.strip() not in ("", "NA", "CS(C)=O")])
        assert len(result.tables.nodes[NodeType.MOLECULE]) == kept


def column_of(table: pd.DataFrame) -> str:
    return "inchi" if "inchi" in table else "smiles"


def test_a_cell_has_an_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import csv

    monkeypatch.setattr(_text, "MOST_CELL", 1000)
    before = csv.field_size_limit()
    file = molecules(tmp_path)
    file.write_text("smiles,name\nCC,a\n" + "C" * 2000 + ",b\n")
    assert "list.csv:3: a cell of more than 1,000 characters" in refused("molecules", file, "list.csv")
    assert csv.field_size_limit() == before


INJECTED = ["<script>alert(1)</script>", "=HYPERLINK(evil)", "=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2+3", "\tx'--"]


def test_formulas_are_plain_text_where_text_is_due(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    texts = ["C" * (place + 1) for place in range(len(INJECTED))]
    table = pd.DataFrame({"id": INJECTED, "name": INJECTED, "smiles": texts, "chembl": INJECTED})
    pd.concat([table, pd.DataFrame({"smiles": INJECTED[:6]})]).to_csv(file, index=False)
    result = built("molecules", SOURCES["molecules"].records(file))
    nodes = result.tables.nodes[NodeType.MOLECULE].set_index("smiles").loc[texts]
    assert nodes["name"].tolist() == INJECTED
    assert nodes["chembl_ids"].tolist() == [[text] for text in INJECTED]
    assert nodes["synonyms"].tolist() == [[] for _ in INJECTED]
    assert sorted(result.rejects["key"]) == sorted(INJECTED[:6])
    page = render(
        {
            "sources": {"molecules": {"licence": INJECTED[0]}},
            "nodes": {"Molecule": len(INJECTED)},
            "edges": {},
            "graph_hash": "5" * 64,
            "snapshot": "6" * 64,
            "seconds": 1.0,
            "inputs": {},
            "holdout": [],
            "stages": [],
            "quality": summarise(result),
        }
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "&#39; /C calc&#39;!A0" in page
    assert "<code>list.csv" in page


# One file, read by itself: bombs of full size, binary tables, descriptions.


@pytest.mark.parametrize("line", [b"0", b"\n", b"a,b\n"])
def test_five_gibibytes(line: bytes, tmp_path: Path) -> None:
    """Made of gzip members, as ``cat`` of gzips is; with the bounds as they are."""
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(line * (2**26 // len(line))) * 80)
    started = time.perf_counter()
    with pytest.raises(
        InputError, match=r"t.csv.gz: unpacks to more than 1,07\d,\d{3},\d{3} bytes out of 1,\d{3},\d{3};"
    ):
        read_table(path, [])
    assert time.perf_counter() - started < 20  # two, where nobody else is at work


def test_five_gibibytes_of_nul_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(bytes(2**26)) * 80)
    with pytest.raises(InputError, match=r"t.csv.gz:1: not text \(a byte 0x00\)"):
        read_table(path, [])


def test_a_gzip_that_is_harmless_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_text, "MOST_UNPACKED", 2**22)
    path = tmp_path / "t.csv.gz"
    rows = "".join(f"{place},{place * 7919 % 104729}\n" for place in range(10_000))
    path.write_bytes(gzip.compress(("id,x\n" + rows).encode()) + gzip.compress(b"1,2\n" * 2**24))
    with pytest.raises(InputError, match="this is no table"):
        read_table(path, [])
    path.write_bytes(gzip.compress(("id,x\n" + rows).encode()) + gzip.compress(b"1,2\n" * 2**18))
    assert len(read_table(path, [])) == 10_000 + 2**18


def test_columns_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_read, "MOST_COLUMNS", 3)
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d\n1,2,3,4\n")
    with pytest.raises(InputError, match=r"t.csv:1: 4 columns, at most 3 can be read"):
        read_table(path, [])


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"smiles": ["CC"] * 10**6, "x": 0.0}).to_parquet(path)
    assert path.stat().st_size < 10**5
    monkeypatch.setattr(_text, "MOST_UNPACKED", 10**6)
    for read in (lambda: read_table(path, []), lambda: read_matrix(path, ["smiles"]), lambda: header(path)):
        with pytest.raises(InputError, match=r"t.parquet: 1,000,000 rows of 2 columns in [\d,]+ bytes are too many"):
            read()
    monkeypatch.undo()
    monkeypatch.setattr(_read, "MOST_CELLS", 10**6)
    with pytest.raises(InputError, match=r"t.parquet: 1,000,000 rows of 2 columns in [\d,]+ bytes are too many"):
        read_table(path, [])
    monkeypatch.undo()
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:-1], b"PAR1" + RANDOM + b"PAR1", b"smiles\nCC\n"):
        path.write_bytes(content)
        assert "not a Parquet file, or a damaged one" in refused("molecules", path, path.name)
    pd.DataFrame({"smiles": ["CC", None], "parts": [[1, 2], []]}).to_parquet(path)
    records = SOURCES["molecules"].records(path)
    assert records.structures[0].table["smiles"].tolist() == ["CC"]
    pd.DataFrame([[1, 2]], columns=[7, 8]).to_parquet(path)  # names that are no text
    assert header(path) == ["7", "8"]
    assert "missing column smiles; there are 7, 8" in refused("molecules", path, path.name)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"t.parquet: expected a file, found a folder"):
        read_table(path, [])


def test_a_plain_file_under_the_name_of_a_table(tmp_path: Path) -> None:
    """A workbook, a Parquet file, a folder: what it is instead is said."""
    with zipfile.ZipFile(tmp_path / "book.csv", "w") as book:
        book.writestr("xl/workbook.xml", "x")
    assert "a ZIP archive or a workbook" in refused("molecules", tmp_path / "book.csv", "book.csv")
    pd.DataFrame({"smiles": ["CC"]}).to_parquet(tmp_path / "p.csv")
    assert "give its name the ending .parquet" in refused("molecules", tmp_path / "p.csv", "p.csv")
    (tmp_path / "f.csv").mkdir()
    with pytest.raises(InputError, match=r"f.csv: expected a file, found a folder"):
        header(tmp_path / "f.csv")


def npz(values: np.ndarray, *, claimed: tuple[int, ...] | None = None) -> bytes:
    """Return an NPZ file whose array says that it has the shape `claimed`."""
    member, archive = io.BytesIO(), io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": claimed or values.shape}
    np.lib.format.write_array_header_1_0(member, about)
    member.write(values.astype("<f4").tobytes())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.npy", member.getvalue())
    return archive.getvalue()


def encrypted(content: bytes) -> bytes:
    """Set the bits that say that a member is encrypted."""
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def lying(content: bytes) -> bytes:
    """Let the directory of the archive say that the array is short."""
    place = content.index(b"PK\x01\x02") + 24
    return content[:place] + struct.pack("<I", 200) + content[place + 4 :]


GOOD = npz(np.ones((3, 7)))
ARRAYS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not an NPZ file"),
    "truncated": (GOOD[:-30], "not an NPZ file"),
    "garbage in the middle": (GOOD[:80] + RANDOM[:40] + GOOD[120:], "not an NPZ file"),
    "no archive": (RANDOM, "not an NPZ file"),
    "encrypted": (encrypted(GOOD), "encrypted"),
    "more than there is": (npz(np.ones((3, 7)), claimed=(3, 10**12)), "the file is damaged"),
    "less than there is": (npz(np.ones((3, 7)), claimed=(3, 2)), "the file is damaged"),
    "negative": (npz(np.ones((3, 7)), claimed=(3, -7)), "the file is damaged"),
    "no columns": (npz(np.ones((3, 0))), "expected a matrix of numbers"),
    "a short size in the directory": (lying(npz(np.ones((3, 100)))), "a damaged one"),
    "a bomb": (npz(np.zeros((3, 10**6))), "this is no matrix"),
}


@pytest.mark.parametrize("fault", ARRAYS)
def test_damaged_arrays(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_text, "MOST_UNPACKED", 10**6)
    infoalign(tmp_path)
    content, said = ARRAYS[fault]
    (tmp_path / "CP-Bray_feature.npz").write_bytes(content)
    assert said in refused("infoalign", tmp_path, "CP-Bray_feature.npz")


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    infoalign(tmp_path)
    np.save(tmp_path / "one.npy", np.ones((3, 7)))
    shutil.move(tmp_path / "one.npy", tmp_path / "CP-Bray_feature.npz")
    assert "not an NPZ file" in refused("infoalign", tmp_path, "CP-Bray_feature.npz")


def test_infinite_and_missing_numbers_of_arrays(tmp_path: Path) -> None:
    infoalign(tmp_path)
    values = np.ones((3, 7)) * np.arange(1, 4)[:, None]
    values[:, 2] = np.nan
    values[1, 3] = np.inf
    save_matrix(tmp_path, "CP-Bray", values)
    result = built("infoalign", SOURCES["infoalign"].records(tmp_path))
    assert "1 infinite value(s) made missing" in set(result.rejects["reason"])
    (bray,) = (matrix for matrix in result.features if matrix.feature_space == "infoalign-bray-7")
    assert np.isnan(bray.values[:, 2]).all()
    assert not np.isinf(bray.values).any()
    assert len(result.tables.nodes[NodeType.MOLECULE]) == len(SMILES)


DESCRIPTION = 'path = "mylab.csv"\nfeature_space = "lab"\n'
DESCRIPTIONS: dict[str, tuple[bytes, str]] = {
    "deep": (f"{DESCRIPTION}x = {'[' * 5000}".encode(), "not valid TOML"),
    "deep and closed": (f"{DESCRIPTION}x = {'[' * 5000}{']' * 5000}".encode(), "not valid TOML"),
    "long": (DESCRIPTION.encode() + b"# " + b"x" * 10**6, "more than 65,536 bytes"),
    "not UTF-8": (DESCRIPTION.encode() + b"# \xff", "not valid TOML"),
    "UTF-16": (DESCRIPTION.encode("utf-16"), "not valid TOML"),
    "NUL in the path": (DESCRIPTION.replace("mylab", "my\\u0000lab").encode(), "path holds a byte 0x00"),
    "a home that is not there": (DESCRIPTION.replace("mylab.csv", "~nobody-here/x.csv").encode(), "home"),
    "twice": ((DESCRIPTION * 2).encode(), "not valid TOML"),
    "a long name": (DESCRIPTION.replace('lab"', "l b" * 5000 + '"').encode(), "plain name"),
    "a folder as path": (DESCRIPTION.replace("mylab.csv", ".").encode(), "cannot tell the format"),
    "empty": (b"", "path and feature_space are needed"),
}


@pytest.mark.parametrize("fault", DESCRIPTIONS)
def test_damaged_descriptions(fault: str, tmp_path: Path) -> None:
    profiles(tmp_path)
    content, said = DESCRIPTIONS[fault]
    (tmp_path / "lab.toml").write_bytes(content)
    file = tmp_path.name if fault == "a folder as path" else "lab.toml"
    assert said in refused("profiles", tmp_path / "lab.toml", file)


def test_a_plate_of_controls_alone_is_all_rejects(tmp_path: Path) -> None:
    file = profiles(tmp_path)
    file.write_text(file.read_text().replace(",trt,", ",negcon,"))
    result = built("profiles", SOURCES["profiles"].records(file))
    assert set(result.rejects["reason"]) == {"negative control"}
    assert len(result.rejects) == 4
    assert result.tables.nodes == {}


def test_metadata_columns_that_differ_in_case_alone(tmp_path: Path) -> None:
    file = profiles(tmp_path)
    file.write_text(file.read_text().replace("Metadata_Well", "metadata_plate"))
    assert "two columns metadata_plate differ only in upper and lower case" in refused("profiles", file, "mylab.csv")
