"""From SMILES to embeddings: rates beside PyTorch Geometric's, and memory at its highest.

Featurising: ``torch_geometric.utils.from_smiles`` (the published data path: one molecule after the other, a `Data`
object each) beside `ingest.features.molecule_graph.featurise`, in turns. Embedding: `learn.encode.encode` from end to
end, in both precisions, with and without standardisation. Memory: ``python -m learn.encode`` on a file, in a process of
its own, all its workers added. The encoder has the published size and random weights.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rdkit import Chem, rdBase

from benchmarks.processes import watch
from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from graphdb.errors import InputError
from ingest.features.fingerprints import IN_PROCESS
from ingest.features.molecule_graph import featurise
from ingest.parallel import shared_workers
from learn.checkpoint import Checkpoint, Position, save
from learn.config import TrainConfig
from learn.device import resolve_device
from learn.encode import encode
from learn.encoder import Encoder

REAL = Path("../shared/data/jump/JUMPCP_compounds.csv.gz")
PEPTIDE_PARTS = ("NCC(=O)", "NC(C)C(=O)", "NC(Cc1ccccc1)C(=O)", "NC(CO)C(=O)", "NC(CCSC)C(=O)", "NC(CC(C)C)C(=O)")
Row = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encode", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--molecules", type=int, default=8000, help="for each rate (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each has its turn (default: %(default)s)")
    parser.add_argument(
        "--memory",
        type=int,
        nargs="*",
        default=[10_000, 100_000],
        metavar="N",
        help="sizes of files (default: 10000 100000)",
    )
    parser.add_argument("--large", action="store_true", help="a file of a million molecules too: hours on two cores")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    began = time.perf_counter()
    if arguments.rounds < 1 or arguments.molecules < 1:
        raise InputError("--rounds and --molecules must be at least 1")
    device = str(resolve_device(arguments.device))
    sizes = [*arguments.memory, *([1_000_000] if arguments.large else [])]
    most = max([arguments.molecules, *sizes])
    smiles, origin = structures(most)
    with tempfile.TemporaryDirectory() as folder:
        model = random_checkpoint()
        file = Path(folder) / "random.pt"
        save(file, model)
        rows = rates(smiles[: arguments.molecules], model, device, arguments.rounds)
        for size in sizes:
            note(f"memory, {size:,} molecules")
            rows.append(memory(smiles[:size], file, Path(folder), device))
    for row in rows:
        row["smiles"] = origin
    print_table(
        f"SMILES to embeddings on {device}, {origin}",
        ["what", "value", "unit"],
        [list(row.values())[:3] for row in rows],
    )
    if arguments.json:
        write_report(arguments.json, "encode", rows)
        say(f"written to {arguments.json}")
    say(f"{len(rows)} figures in {time.perf_counter() - began:.0f} s")


def structures(most: int) -> tuple[list[str], str]:
    """Return `most` SMILES and where they come from: JUMP's compounds, gone round in, or made-up peptides."""
    if REAL.exists():
        column = pd.read_csv(REAL, usecols=["smiles"], dtype=str)["smiles"].dropna().drop_duplicates()
        with rdBase.BlockLogs():
            # A few have five bonds at a phosphorus without saying so; PyTorch Geometric makes empty graphs of them.
            bad = {text for text in column.iloc[:most] if Chem.MolFromSmiles(text) is None}
        column = column[~column.isin(bad)]
        return list(itertools.islice(itertools.cycle(column), most)), f"{len(column):,} compounds of JUMP"
    note(f"{REAL} is not there: made-up peptides and alkanes instead")
    return list(itertools.islice(made_up(), most)), "made-up peptides and alkanes"


def made_up() -> Iterator[str]:
    """Yield different SMILES without end: chains of two to five residues, in turn with an alkyl chain at their end."""
    for number in itertools.count():
        length = 2 + number % 4
        parts = (PEPTIDE_PARTS[number // len(PEPTIDE_PARTS) ** place % len(PEPTIDE_PARTS)] for place in range(length))
        yield "".join(parts) + "N" + "C" * (1 + number // len(PEPTIDE_PARTS) ** length)


def random_checkpoint() -> Checkpoint:
    """Return a checkpoint of full size with random weights and no decoders."""
    config = TrainConfig()
    torch.manual_seed(config.seed)
    state = Encoder(config.layers, config.dropout).state_dict()
    return Checkpoint(config, (), state, {}, None, Position(), snapshot_id="none", graph_hash="none")


def rates(smiles: Sequence[str], model: Checkpoint, device: str, rounds: int) -> list[Row]:
    """Return the rates of featurising and of embedding, and their ratios."""
    from torch_geometric.utils import from_smiles

    def embedding(precision: str, standardise: bool) -> Callable[[], object]:
        return lambda: encode(smiles, model, device=device, precision=precision, standardise=standardise)

    theirs, ours, alone = "from_smiles, PyTorch Geometric", "featurise", "featurise, one process"
    systems: dict[str, Callable[[], object]] = {
        theirs: lambda: [from_smiles(text) for text in smiles],
        ours: lambda: featurise(smiles),
        # So few at a time are done where they are asked for.
        alone: lambda: [featurise(smiles[at : at + IN_PROCESS]) for at in range(0, len(smiles), IN_PROCESS)],
        "encode, float32": embedding("float32", True),
        "encode, bfloat16": embedding("bfloat16", True),
        "encode, float32, not standardised": embedding("float32", False),
        "encode, bfloat16, not standardised": embedding("bfloat16", False),
    }
    found: dict[str, list[float]] = {name: [] for name in systems}
    with shared_workers():
        featurise(smiles[: IN_PROCESS + 1])  # fewer would not start the worker processes
        for number in range(rounds):
            for name, system in systems.items():
                note(f"round {number + 1} of {rounds}: {name}")
                began = time.perf_counter()
                system()
                found[name].append(len(smiles) / (time.perf_counter() - began))
    rows = [
        {
            "name": name,
            "value": statistics.median(each),
            "unit": "molecules/s",
            "rounds": each,
            "molecules": len(smiles),
        }
        for name, each in found.items()
    ]
    for name in (ours, alone):
        each = [one / other for one, other in zip(found[name], found[theirs], strict=True)]
        rows.append(
            {"name": f"{name} / from_smiles", "value": statistics.median(each), "unit": "times", "rounds": each}
        )
    return rows


def memory(smiles: Sequence[str], checkpoint: Path, folder: Path, device: str) -> Row:
    """Return the highest memory of the command on a file of these structures, its rate beside it."""
    source, out = folder / f"{len(smiles)}.csv", folder / f"{len(smiles)}.parquet"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles"])
        writer.writerows([text] for text in smiles)
    words = ["--smiles", source, "--checkpoint", checkpoint, "--out", out, "--device", device]
    done = watch([sys.executable, "-m", "learn.encode", *map(str, words)])
    digits = math.log10(len(smiles))
    shown = f"10^{digits:.0f}" if digits.is_integer() else f"{len(smiles):,}"
    return {
        "name": f"learn.encode, a file of {shown} molecules: memory at its highest, all processes",
        "value": done.peak_mib / 1024,
        "unit": "GiB",
        "seconds": done.seconds,
        "molecules_per_second": len(smiles) / done.seconds,
        "molecules": len(smiles),
    }


def _row(name: str, each: Sequence[float], unit: str, **more: object) -> Row:
    """Return the row of a figure that was measured once a round."""
    return {"name": name, "value": statistics.median(each), "unit": unit, "rounds": list(each), **more}


if __name__ == "__main__":
    run(main, build_parser())
