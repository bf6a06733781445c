"""Rate of standardisation of molecules, in one process and in several.

Structures are the demo's drugs, salts and mixtures included, each written in several orders of its atoms, so that every
text is another one and is worked on. The time of several processes includes starting them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from rdkit import Chem, RDLogger

from benchmarks.report import write_report
from graphdb.console import print_table, run, say
from ingest.sources.demo import find_drug_file, read_drugs
from ingest.standardise.molecules import standardise_table


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standardise", description="Rate of standardisation.")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--orders", type=int, default=5, help="orders of atoms of each drug (default: 5)")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="numbers to measure (default: 1 2)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    RDLogger.DisableLog("rdApp.*")
    rows = measure(different_texts(arguments.orders), arguments.processes)
    columns = ["name", "value", "unit", "molecules", "rejected", "seconds"]
    print_table("Standardisation", columns, [[row[column] for column in columns] for row in rows])
    if arguments.json:
        write_report(arguments.json, "standardise", rows)
        say(f"written to {arguments.json}")


def different_texts(orders: int) -> list[tuple[str, str]]:
    """Return the demo's drugs as SMILES, each in up to `orders` orders of its atoms."""
    drugs = [mol for text in read_drugs(find_drug_file())["smiles"] if (mol := Chem.MolFromSmiles(text)) is not None]
    written = (text for mol in drugs for text in Chem.MolToRandomSmilesVect(mol, orders, randomSeed=1))
    return [("smiles", text) for text in dict.fromkeys(written)]


def measure(texts: list[tuple[str, str]], processes: list[int]) -> list[dict[str, Any]]:
    """Return the rows of the report."""
    standardise_table(texts[:50])  # the first molecules also pay for building RDKit's tools
    rows = []
    for number in processes:
        start = time.perf_counter()
        table = standardise_table(texts, processes=number)
        seconds = time.perf_counter() - start
        rows.append(
            {
                "name": f"standardise, {number} process{'es' if number > 1 else ''}",
                "value": len(texts) / seconds,
                "unit": "molecules/s",
                "molecules": len(texts),
                "rejected": int(table["reason"].notna().sum()),
                "seconds": seconds,
                "processes": number,
            }
        )
    return rows


if __name__ == "__main__":
    run(main, build_parser())
