"""A small data set of ChEMBL2K's form, for commands that score encoders."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

from learn import tasks

SMALL = dataclasses.replace(tasks.TASKS["chembl2k"], n_molecules=60, n_tasks=4, baseline_seeds=2)
"""What stands in for ChEMBL2K in `learn.tasks.TASKS`."""
RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "C1CC1", "[Na+].[Cl-].C1CCC1"]
RINGS += ["C1CCCC1", "c1ccoc1", "c1cc[nH]c1", "C1COC1", "C1CNC1", "c1ccsc1"]


def small_smiles() -> list[str]:
    """Return its structures."""
    return [f"{chain}{ring}" for ring in RINGS for chain in ("C", "CC", "CCC", "OCC", "NCC")]


def write_small_task(folder: Path) -> Path:
    """Write its file: has nitrogen, is aromatic, a single class, noise."""
    lines = ["smiles,inchikey,Metadata_JCP2022,ChEMBL_ID,NITROGEN,AROMATIC,ALWAYS,NOISE"]
    for row, text in enumerate(small_smiles()):
        aromatic = "" if row % 7 == 0 else str(float("c" in text))
        lines.append(f"{text},KEY,J{row},C{row},{float('N' in text or 'n' in text)},{aromatic},1.0,{row * row % 7 % 2}")
    path = folder / "assays.csv.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    return path
