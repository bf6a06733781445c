"""Rate of standardisation of molecules: by the library alone, by ours on one process and several, and on a cluster.

Structures are those of the JUMP compounds beside the project (``--data``), or else the demo's drugs, salts and mixtures
included, each written in several orders of its atoms, so that every text is another one and is worked on.

*The library alone* is what the processors can give: so many processes, each with its part of the texts already in its
memory, call `ingest.standardise.molecules.standardise` one text after the other, and nothing is sent to and fro. The
clock runs from the moment at which all have started to the end of the last one. *Ours* is `standardise_table`, with its
batches, pickles and table, with workers that have started; and a second time including their start. On the cluster the
workers are processes of their own, with one thread each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.synchronize
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rdkit import Chem, RDLogger

from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from graphdb.machine import processors
from ingest.parallel import shared_workers
from ingest.sources.demo import find_drug_file, read_drugs
from ingest.standardise.molecules import IN_PROCESS, Rejected, standardise, standardise_table

Texts = list[tuple[str, str]]
COMPOUNDS = Path("../shared/data/jump/JUMPCP_compounds.csv.gz")
WARM = 50
"""Molecules for which no clock runs: the first ones also pay for building RDKit's tools."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standardise", description="Rate of standardisation.")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--data", type=Path, default=COMPOUNDS, help="table of compounds (default: %(default)s)")
    parser.add_argument("--molecules", type=int, default=20_000, help="so many of them (default: 20000)")
    parser.add_argument("--orders", type=int, default=5, help="without the table: orders of atoms of each drug")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the best counts (default: 3)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    RDLogger.DisableLog("rdApp.*")
    if arguments.data.exists():
        texts = compounds(arguments.data, arguments.molecules)
    else:
        texts = different_texts(arguments.orders)
    rows = measure(texts, arguments.repeat)
    columns = ["name", "value", "unit", "molecules", "seconds"]
    print_table("Standardisation", columns, [[row[column] for column in columns] for row in rows])
    if arguments.json:
        write_report(arguments.json, "standardise", rows)
        say(f"written to {arguments.json}")


def compounds(path: Path, count: int) -> Texts:
    """Return `count` structures of a table, in a seeded order."""
    table = pd.read_csv(path)
    column = next(name for name in table.columns if "smiles" in name.lower())
    texts = table[column].dropna().drop_duplicates().sample(frac=1, random_state=1)[:count]
    return [("smiles", text) for text in texts]


def different_texts(orders: int) -> list[tuple[str, str]]:
    """Return the demo's drugs as SMILES, each in up to `orders` orders of its atoms."""
    drugs = [mol for text in read_drugs(find_drug_file())["smiles"] if (mol := Chem.MolFromSmiles(text)) is not None]
    written = (text for mol in drugs for text in Chem.MolToRandomSmilesVect(mol, orders, randomSeed=1))
    return [("smiles", text) for text in dict.fromkeys(written)]


def measure(texts: Texts, repeat: int) -> list[dict[str, Any]]:
    """Return the rows of the report."""
    cores = processors()
    rows = []

    def row(name: str, seconds: float, **more: Any) -> None:
        note(f"{name}: {len(texts) / seconds:,.0f}/s")
        rows.append(
            {
                "name": name,
                "value": len(texts) / seconds,
                "unit": "molecules/s",
                "molecules": len(texts),
                "seconds": seconds,
                **more,
            }
        )

    for processes in sorted({1, cores}):
        row(f"library alone, {processes} process(es)", _best(repeat, lambda p=processes: alone(texts, p)))
        row(f"ours, {processes} process(es)", _best(repeat, lambda p=processes: ours(texts, p)))
    started = time.perf_counter()
    standardise_table(texts)
    row(f"ours, {cores} process(es), with their start", time.perf_counter() - started)
    for workers in (1, 2):
        row(f"cluster, {workers} worker(s)", _best(repeat, lambda w=workers: on_cluster(texts, w)))
    by_name = {found["name"]: found["value"] for found in rows}
    share = by_name[f"ours, {cores} process(es)"] / by_name[f"library alone, {cores} process(es)"]
    gain = by_name["cluster, 2 worker(s)"] / by_name["cluster, 1 worker(s)"]
    for name, value in (("ours / library alone, all cores", share), ("cluster, 2 workers / 1 worker", gain)):
        rows.append({"name": name, "value": value, "unit": "ratio", "molecules": len(texts), "seconds": 0.0})
    return rows


def alone(texts: Texts, processes: int) -> float:
    """Return the seconds of so many processes that share the texts and nothing else."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    done = context.Barrier(processes + 1)
    workers = [
        context.Process(target=_work_alone, args=(texts[place::processes], ready, done)) for place in range(processes)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    done.wait()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    return seconds


def _work_alone(
    texts: Texts, ready: multiprocessing.synchronize.Barrier, done: multiprocessing.synchronize.Barrier
) -> None:
    _standardise_all(texts[:WARM])
    ready.wait()
    _standardise_all(texts)
    done.wait()


def _standardise_all(texts: Sequence[tuple[str, str]]) -> int:
    good = 0
    for kind, text in texts:
        try:
            standardise(text, kind)
        except Rejected:
            continue
        good += 1
    return good


def ours(texts: Texts, processes: int) -> float:
    """Return the seconds of `standardise_table`, its workers being there."""
    if processes == 1:
        standardise_table(texts[:WARM], processes=1)
        started = time.perf_counter()
        standardise_table(texts, processes=1)
        return time.perf_counter() - started
    with shared_workers():
        standardise_table(texts[: IN_PROCESS + 1])  # fewer would not start them
        started = time.perf_counter()
        standardise_table(texts)
        return time.perf_counter() - started


def on_cluster(texts: Texts, workers: int) -> float:
    """Return the seconds on a Dask cluster of so many worker processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        standardise_table(texts[: len(texts) // 5], scheduler=cluster.scheduler_address)
        started = time.perf_counter()
        standardise_table(texts, scheduler=cluster.scheduler_address)
        return time.perf_counter() - started


def _best(repeat: int, measured: Callable[[], float]) -> float:
    return min(measured() for _ in range(repeat))


if __name__ == "__main__":
    run(main, build_parser())
