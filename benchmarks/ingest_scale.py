"""Time and memory of a whole ingest at the paper's size, a tenth and a hundredth of it.

The structures are real: those of the JUMP and Broad files beside the project. Profiles are random, in the paper's
numbers and dimensions (InfoAlign, arXiv 2406.12056: 128,935 morphology and 13,795 expression profiles, 4,533 genes), in
clusters, so that a part of the pairs is similar. The files have the layout of InfoAlign's release, and are read as
such by ``python -m ingest.all --source infoalign=…`` in a process of its own, into an embedded graph of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from graphdb.errors import InfoAlignError
from graphdb.files import read_json
from graphdb.workspace import Workspace

DATA = Path("../shared/data")
BROAD, JUMP, EXPRESSION = 27_019, 101_916, 13_795
"""Profiles: one a Broad molecule, as many of JUMP as make 128,935 together, and the expression profiles."""
GENES = {"CRISPR": (4_533, 1_111), "ORF": (4_533, 862)}
WIDTHS = {"CP-Bray": 1_783, "CP-JUMP": 966, "GE": 978}
CLUSTER = 12
STAGE = re.compile(r"\[\s*([\d.]+) s\] (.+)")


@dataclass
class Watch:
    """Peak memory (bytes, proportional share of every process) of a process and all it started, by stage."""

    process: psutil.Process
    peaks: dict[str, int] = field(default_factory=dict)
    stage: str = "read"
    stopped: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look twice a second until it is stopped."""
        while not self.stopped.wait(0.5):
            self.peaks[self.stage] = max(self.peaks.get(self.stage, 0), self._memory())

    def _memory(self) -> int:
        total = 0
        for process in (self.process, *self._children()):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:  # it ended meanwhile
                continue
        return total

    def _children(self) -> list[psutil.Process]:
        try:
            found = self.process.children(recursive=True)
        except psutil.Error:
            found = []
        # The embedded graph is a session of its own, and outlives the command.
        workspace = self.process_environment
        servers = [p for p in psutil.process_iter(["cmdline"]) if _is_server(p.info["cmdline"] or [], workspace)]
        return [*found, *(server for server in servers if server not in found)]

    @property
    def process_environment(self) -> str:
        """Folder of the workspace of the process."""
        try:
            return self.process.environ().get("INFOALIGN_WORKSPACE", "")
        except psutil.Error:
            return ""


def _is_server(command: list[str], workspace: str) -> bool:
    return (
        bool(workspace)
        and any(part.startswith(workspace) for part in command)
        and "graphdb.embedded_process" in command
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest_scale", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--scale", type=float, action="append", help="size, the paper's being 1; may be repeated (default: .01 .1 1)"
    )
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder with jump/ and infoalign/ (default: %(default)s)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    rows: list[dict[str, Any]] = []
    for scale in arguments.scale or (0.01, 0.1, 1.0):
        with tempfile.TemporaryDirectory() as folder:
            note(f"scale {scale:g}: making files")
            made = Path(folder) / "files"
            make_files(made, arguments.data, scale)
            rows += measure(made, Path(folder) / "workspace", scale)
    print_table(
        "Ingest by scale",
        ["scale", "stage", "seconds", "peak GB"],
        [[f"{row['scale']:g}", row["stage"], row["value"], row["peak_gb"]] for row in rows],
    )
    if arguments.json:
        write_report(arguments.json, "ingest_scale", rows)
        say(f"written to {arguments.json}")


def make_files(folder: Path, data: Path, scale: float) -> None:
    """Write files of the layout of InfoAlign's release."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    broad = pd.read_csv(data / "infoalign" / "broad6k" / "structure.csv.gz")["smiles"].to_numpy(object)
    jump = pd.read_csv(data / "jump" / "JUMPCP_compounds.csv.gz")
    jump_smiles = jump[next(name for name in jump.columns if "smiles" in name.lower())].dropna().to_numpy(object)
    broad, jump_smiles = (texts[: max(20, round(scale * len(texts)))] for texts in (broad, jump_smiles))
    smiles = np.concatenate([broad, jump_smiles])
    molecules = pd.DataFrame({"mol_id": [f"m{i}" for i in range(len(smiles))], "smiles": smiles})
    molecules.to_csv(folder / "structure.csv.gz", index=False, compression={"method": "gzip", "compresslevel": 1})
    of_broad, of_jump = molecules["mol_id"][: len(broad)], molecules["mol_id"][len(broad) :]
    for name, column, ids, count in (
        ("CP-Bray", "cell_bid", of_broad, BROAD),
        ("CP-JUMP", "cell_jid", of_jump, JUMP),
        ("GE", "express_id", molecules["mol_id"], EXPRESSION),
    ):
        n = min(len(ids), max(20, round(scale * count)))
        chosen = np.sort(rng.choice(len(ids), n, replace=False))
        table = pd.DataFrame({column: [f"{name}-{i}" for i in range(n)], "mol_id": ids.to_numpy()[chosen]})
        table.to_csv(folder / f"{name}.csv.gz", index=False)
        np.savez(folder / f"{name}_feature.npz", data=clustered(n, WIDTHS[name], rng))
    landmarks = np.arange(1, WIDTHS["GE"] + 1)
    pd.DataFrame({"ncbi_gene_id": landmarks}).to_csv(folder / "L1k_idmaps.csv", index=False)
    for name, (count, width) in GENES.items():
        n = max(20, round(scale * count))
        ids = pd.DataFrame({"ncbi_gene_id": np.arange(1, n + 1), "mol_id": ""})
        ids.to_csv(folder / f"G-{name}.csv.gz", index=False)
        np.savez(folder / f"G-{name}_feature.npz", data=clustered(n, width, rng))
    n = max(20, round(scale * GENES["ORF"][0]))
    pairs = pd.DataFrame(rng.integers(1, n + 1, (4 * n, 2)), columns=["source_id", "target_id"])
    pairs.to_csv(folder / "G-G.csv.gz", index=False)


def clustered(n: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return (n, width) profiles in clusters of about `CLUSTER`, whose members have a cosine of about .85."""
    centres = rng.standard_normal((max(1, n // CLUSTER), width), dtype=np.float32)
    values = centres[rng.integers(len(centres), size=n)]
    values += 0.42 * rng.standard_normal((n, width), dtype=np.float32)
    return values


def measure(files: Path, workspace: Path, scale: float) -> list[dict[str, Any]]:
    """Ingest the files and return a row a stage, and one for all of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
    environment["INFOALIGN_WORKSPACE"] = str(workspace)
    command = [sys.executable, "-m", "ingest.all", "--source", f"infoalign={files}"]
    began = time.perf_counter()
    starts: list[tuple[str, float]] = [("read", 0.0)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        watch = Watch(psutil.Process(child.pid))
        thread = threading.Thread(target=watch.watch, daemon=True)
        thread.start()
        lines = []
        assert child.stderr is not None
        for line in child.stderr:
            lines.append(line)
            if found := STAGE.match(line):
                watch.stage = re.sub(r" into .*", "", found[2])
                starts.append((watch.stage, float(found[1])))
                note(f"scale {scale:g}: {line.strip()}")
        child.wait()
        seconds = time.perf_counter() - began
        watch.stopped.set()
        thread.join()
    subprocess.run([sys.executable, "-m", "graphdb.server", "stop"], env=environment, capture_output=True, check=False)
    if child.returncode:
        raise InfoAlignError(f"ingest.all ended with status {child.returncode}: {''.join(lines[-3:]).strip()}")
    report = read_json(Workspace(workspace).ingest_report)
    about = {
        "scale": scale,
        "nodes": sum(report["nodes"].values()),
        "edges": sum(report["edges"].values()),
        "rejects": sum(row["count"] for row in report["rejects"] if not row["kept"]),
    }
    ends = [*(start for _, start in starts[1:]), seconds]
    rows = [
        _row(stage, end - start, watch.peaks.get(stage, 0), about)
        for (stage, start), end in zip(starts, ends, strict=True)
    ]
    return [*rows, _row("all", seconds, max(watch.peaks.values(), default=0), about)]


def _row(stage: str, seconds: float, peak: int, about: dict[str, Any]) -> dict[str, Any]:
    name = f"{stage}, scale {about['scale']:g}"
    return {"name": name, "value": seconds, "unit": "s", "stage": stage, "peak_gb": peak / 2**30, **about}


if __name__ == "__main__":
    run(main, build_parser())
