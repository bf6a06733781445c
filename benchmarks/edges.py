"""Rates of similarity edges, expression edges, fingerprints and molecule graphs.

Profiles are rows around random centres, so that, as in real ones, many pairs lie near the cut; fingerprints are bits
that families share. Structures are the demo's drugs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import RDLogger

from benchmarks.report import write_report
from graphdb.console import print_table, run, say
from graphdb.machine import processors
from ingest.edges.cosine import similar_pairs, similar_pairs_binary
from ingest.edges.expression import top_pairs
from ingest.features.fingerprints import SIZE, morgan_bits
from ingest.features.molecule_graph import featurise
from ingest.sources.demo import find_drug_file, read_drugs

COLUMNS = 812  # CMEA's CellProfiler features
FAMILY = 100
MISSING = 0.01
DENSITY = 0.06  # of a drug's fingerprint, radius 4, 1,024 bits


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edges", description="Rates of edges and features.")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--rows", type=int, default=20_000, help="profiles and fingerprints (default: 20,000)")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each; the median counts (default: 3)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    rows = measure(arguments.rows, arguments.repeats)
    print_table(
        "Edges and features", ["what", "rate", "unit"], [[row["name"], row["value"], row["unit"]] for row in rows]
    )
    if arguments.json:
        write_report(arguments.json, "edges", rows)
        say(f"written to {arguments.json}")


def measure(size: int, repeats: int) -> list[dict[str, Any]]:
    """Return the rows of the report; `size` profiles and fingerprints."""
    rows: list[dict[str, Any]] = []

    def add(name: str, work: Callable[[], object], amount: float, unit: str, **about: object) -> None:
        seconds = median_seconds(work, repeats)
        rows.append({"name": name, "value": amount / seconds, "unit": unit, "seconds": seconds, **about})

    rng = np.random.default_rng(0)
    pairs = size * (size - 1) / 2
    profiles = random_profiles(rng, size)
    edges = len(similar_pairs(profiles)[0])
    rate = product_rate(rng, repeats)
    rows.append({"name": "matrix product, float32", "value": rate, "unit": "flop/s"})
    add("cosine, dense", lambda: similar_pairs(profiles), pairs, "pairs/s", rows=size, columns=COLUMNS, edges=edges)
    rows[-1]["share_of_matrix_product"] = rows[-1]["value"] * 2 * COLUMNS / rate
    holed = np.where(rng.random(profiles.shape) < MISSING, np.nan, profiles)
    about = {"rows": size, "columns": COLUMNS, "missing": MISSING}
    add("cosine, missing cells", lambda: similar_pairs(holed), pairs, "pairs/s", **about)
    bits = random_fingerprints(rng, size)
    edges = len(similar_pairs_binary(bits)[0])
    cores = {"cores": processors()}
    add(
        "cosine, bits",
        lambda: similar_pairs_binary(bits),
        pairs,
        "pairs/s",
        rows=size,
        columns=SIZE,
        edges=edges,
        **cores,
    )
    unpacked = np.unpackbits(bits, axis=1)
    # The same pairs by matrix products over unpacked bits: what counting in words is compared with.
    add("cosine, bits as numbers", lambda: similar_pairs(unpacked), pairs, "pairs/s", rows=size, columns=SIZE, **cores)
    add("top 1 % of expression", lambda: top_pairs(profiles), profiles.size, "cells/s", rows=size, columns=COLUMNS)

    smiles = read_drugs(find_drug_file())["smiles"].tolist()
    add("fingerprints, one process", lambda: morgan_bits(smiles), len(smiles), "molecules/s", molecules=len(smiles))
    add("molecule graphs, one process", lambda: featurise(smiles), len(smiles), "molecules/s", molecules=len(smiles))
    return [*rows, *_pyg_rows(smiles, repeats)]


def product_rate(rng: np.random.Generator, repeats: int) -> float:
    """Return what this machine's matrix product does, in floating-point operations a second."""
    left, right = (rng.standard_normal((4096, COLUMNS), dtype=np.float32) for _ in range(2))
    return 2 * 4096 * 4096 * COLUMNS / median_seconds(lambda: left @ right.T, max(repeats, 3))


def random_profiles(rng: np.random.Generator, size: int) -> npt.NDArray[np.float32]:
    """Return (size, COLUMNS) profiles in families that lie around a centre, some closely, some not."""
    centres = rng.standard_normal((max(1, size // FAMILY), COLUMNS), dtype=np.float32)
    spread = rng.uniform(0.3, 0.8, size=(size, 1)).astype(np.float32)
    noise = rng.standard_normal((size, COLUMNS), dtype=np.float32)
    return centres[rng.integers(len(centres), size=size)] + spread * noise


def random_fingerprints(rng: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    """Return (size, SIZE / 8) packed bits in families that share most of theirs."""
    centres = rng.random((max(1, size // FAMILY), SIZE)) < DENSITY
    bits = centres[rng.integers(len(centres), size=size)]
    return np.packbits(bits ^ (rng.random(bits.shape) < rng.uniform(0.0, 0.02, size=(size, 1))), axis=1)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median duration of `work`."""
    durations = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return statistics.median(durations)


def _pyg_rows(smiles: list[str], repeats: int) -> list[dict[str, Any]]:
    """Measure PyTorch Geometric's own conversion, for comparison; it refuses some metals, which are left out."""
    from torch_geometric.utils import from_smiles

    RDLogger.DisableLog("rdApp.*")
    accepted = []
    for text in smiles:
        try:
            from_smiles(text)
        except ValueError:
            continue
        accepted.append(text)
    seconds = median_seconds(lambda: [from_smiles(text) for text in accepted], repeats)
    name = "molecule graphs by PyG's from_smiles"
    return [
        {
            "name": name,
            "value": len(accepted) / seconds,
            "unit": "molecules/s",
            "seconds": seconds,
            "molecules": len(accepted),
        }
    ]


if __name__ == "__main__":
    run(main, build_parser())
