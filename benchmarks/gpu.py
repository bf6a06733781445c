"""What pretraining does on a GPU, on a simulated graph of the paper's size; ``benchmarks/gpu.sh`` calls it.

Stages, each in a process of its own with a time of its own: make the graph; some hundred steps in float32 (TF32 on),
in bfloat16, in bfloat16 compiled, and in bfloat16 with batches that were made once; the tests marked ``gpu``. The JSON
file is written again after every stage, so that what was measured stays where a later one fails or the machine goes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import torch

from benchmarks.paper_scale import PAPER_NODES
from benchmarks.processes import ChildError, measure_in_child, watch
from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from graphdb.errors import InfoAlignError, InputError
from graphdb.schema import NodeType
from learn.config import TrainConfig
from learn.device import resolve_device

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results/gpu.json"
NO_TESTS = 5
"""Exit status of pytest where no test is selected."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """Training steps with some settings.

    Attributes
    ----------
    name
        In the report.
    words
        For ``benchmarks.training``.
    budget
        Seconds after which it is given up, the start of the process included.
    """

    name: str
    words: tuple[str, ...]
    budget: float


BFLOAT16 = ("--precision", "bfloat16", "--tf32")
STAGES = (
    Stage("float32 (TF32)", ("--tf32",), 75),
    Stage("bfloat16", BFLOAT16, 70),
    Stage("bfloat16, compiled", (*BFLOAT16, "--compile", "inductor", "--warm", "8"), 125),
    Stage("bfloat16, batches made once", (*BFLOAT16, "--resident", "8"), 60),
)
GRAPH_BUDGET, TESTS_BUDGET = 90.0, 75.0

QUICK_STAGES = (
    Stage("float32", (), 400),
    Stage("bfloat16", ("--precision", "bfloat16"), 400),
    # The tracing of "inductor" without its compiler, which takes a minute.
    Stage("bfloat16, compiled", ("--precision", "bfloat16", "--compile", "eager"), 400),
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh", description=__doc__)
    parser.add_argument(
        "--json", type=Path, default=ROOT / "benchmarks/results/gpu.json", help="default: results/gpu.json"
    )
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N; cpu with --quick, to try it (default: cuda)")
    parser.add_argument(
        "--nodes", type=int, default=sum(PAPER_NODES.values()), help="of the graph (default: %(default)s)"
    )
    parser.add_argument("--batch-size", type=int, default=3072, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=25, help="of counted steps, a stage (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="at most, a stage (default: %(default)s)")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="of the steps in bfloat16: torch.profiler's table")
    parser.add_argument("--no-tests", action="store_true", help="leave the tests marked gpu out")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="600 nodes, batches of 8, two steps, nothing compiled, no tests",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure stage by stage; fail at the end if a stage has failed."""
    began = time.perf_counter()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("no CUDA device here; to try this without one: benchmarks/gpu.sh --device cpu --quick")
    device = resolve_device(arguments.device)
    if arguments.quick:
        arguments.nodes, arguments.batch_size, arguments.seconds, arguments.steps = 600, 8, 5.0, 2
    elif device.type != "cuda":
        raise InputError("the whole measurement is for a GPU; on a CPU give --quick too")
    report = Report(arguments.json, device)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        report.stage("the graph", lambda: [_graph(workspace, arguments.nodes)])
        if not report.failed:
            for stage in QUICK_STAGES if arguments.quick else STAGES:
                report.stage(stage.name, lambda stage=stage: _training(stage, workspace, arguments, device))
        if not (arguments.quick or arguments.no_tests):
            report.stage("tests", lambda: [_tests()])
    print_table(
        f"Pretraining on {report.device}, batches of {arguments.batch_size}, {arguments.nodes:,} nodes",
        ["what", "value", "unit"],
        [[row["name"], row["value"], row["unit"]] for row in report.rows],
    )
    say(f"{len(report.rows)} figures: {arguments.json} ({time.perf_counter() - began:.0f} s)")
    if report.failed:
        raise InfoAlignError(f"{len(report.failed)} of the stages failed: {', '.join(report.failed)}")


class Report:
    """The rows so far; written after every stage.

    Attributes
    ----------
    rows, failed
        What was measured, and the names of the stages that failed.
    device
        Its name.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        self.rows: list[Row] = []
        self.failed: list[str] = []
        cuda = device.type == "cuda"
        self.device = torch.cuda.get_device_name(device) if cuda else "cpu"
        self._about = {"device": self.device, "torch": str(torch.__version__), "cuda": str(torch.version.cuda)}
        self._path = path

    def stage(self, name: str, measure: Callable[[], list[Row]]) -> None:
        """Run a stage; what it raises is noted, and the next one runs all the same."""
        note(f"{name} …")
        began = time.perf_counter()
        try:
            found = measure()
        except InfoAlignError as error:
            self.failed.append(name)
            note(f"{name}: {error}")
            found = [{"name": f"{name}: failed", "value": 1, "unit": "failure", "reason": str(error)}]
        spent = round(time.perf_counter() - began, 1)
        self.rows += [{**row, **self._about, "stage_seconds": spent} for row in found]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_report(self._path, "gpu", self.rows)


def _graph(workspace: Path, nodes: int) -> Row:
    words = ["-m", "benchmarks.paper_scale", "--out", str(workspace), "--nodes", str(nodes)]
    done = watch([sys.executable, *words], GRAPH_BUDGET)
    return {"name": "the simulated graph is made", "value": done.seconds, "unit": "s", "nodes": nodes}


def _training(stage: Stage, workspace: Path, arguments: argparse.Namespace, device: torch.device) -> list[Row]:
    words = [*stage.words, "--system", "ours", "--workspace", workspace, "--device", str(device)]
    words += ["--batch-size", arguments.batch_size, "--seconds", arguments.seconds, "--steps", arguments.steps]
    if arguments.profile and stage.name == "bfloat16":
        words += ["--profile", arguments.profile]
    with Utilisation(device) as utilisation:
        found = measure_in_child("benchmarks.training", words, stage.budget)
    rate = found["molecules_per_second"]
    molecules, epochs = PAPER_NODES[NodeType.MOLECULE], TrainConfig().epochs
    about = {key: found[key] for key in ("steps", "step_ms", "split_ms", "first_loss", "last_loss", "peak_mib")}
    rows = [
        _row(stage.name, "training", rate, "molecules/s", **about),
        _row(
            stage.name, f"{epochs} epochs of {molecules:,} molecules", epochs * molecules / rate / 3600, "h, projected"
        ),
    ]
    if found["flops_per_molecule"]:
        products = found["flops_per_molecule"] * rate / 1e12
        rows.append(_row(stage.name, "matrix products", products, "TFLOP/s"))
    if found["split_ms"]:
        batch = 100 * found["split_ms"]["batch"] / sum(found["split_ms"].values())
        rows.append(_row(stage.name, "share of a step in which its batch is made", batch, "%"))
    if found["cuda_peak_mib"] is not None:
        rows.append(_row(stage.name, "memory of the GPU at its highest", found["cuda_peak_mib"] / 1024, "GiB"))
    rows += [_row(stage.name, *seen) for seen in utilisation.means(*found["window"])]
    return rows


def _tests() -> Row:
    """Run the tests marked gpu, where pytest is there."""
    if find_spec("pytest") is None:
        raise ChildError("pytest is not installed")
    # The others need packages that a machine with a GPU may lack: only files that name the mark are read.
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "pytest.mark.gpu" in path.read_text()]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", *files]
    began = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TESTS_BUDGET, check=False)
    except subprocess.TimeoutExpired:
        raise ChildError(f"pytest: not done after {TESTS_BUDGET:.0f} s") from None
    last = (done.stdout.strip().splitlines() or ["no output"])[-1]
    if done.returncode not in (0, NO_TESTS):
        raise ChildError(f"pytest -m gpu: {last}")
    return {"name": "tests marked gpu", "value": time.perf_counter() - began, "unit": "s", "outcome": last}


class Utilisation:
    """Asks nvidia-smi twice a second, while its block runs, what the GPU does; nothing where there is no nvidia-smi."""

    QUERY = "utilization.gpu,memory.used,power.draw"
    WHAT = (("GPU busy", "%"), ("memory in use", "MiB"), ("power", "W"))

    def __init__(self, device: torch.device, every: float = 0.5) -> None:
        self._command = ["nvidia-smi", f"--query-gpu={self.QUERY}", "--format=csv,noheader,nounits", "-i"]
        self._command.append(str(device.index or 0))
        self._on, self._every = device.type == "cuda", every
        self._seen: list[tuple[float, tuple[float, ...]]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        if self._on:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        if self._on:
            self._thread.join()

    def means(self, begin: float, end: float) -> list[tuple[str, float, str]]:
        """Return (what, mean, unit) of the samples between two times of day; none where nothing was seen."""
        within = [values for at, values in self._seen if begin <= at <= end]
        columns = list(zip(*within, strict=True)) or [()] * len(self.WHAT)
        paired = zip(self.WHAT, columns, strict=True)
        return [(name, sum(seen) / len(seen), unit) for (name, unit), seen in paired if seen]

    def _sample(self) -> None:
        while not self._done.wait(self._every):
            try:
                found = subprocess.run(self._command, capture_output=True, text=True, timeout=5, check=True).stdout
                values = tuple(float(text) for text in found.strip().split(","))
            except (OSError, ValueError, subprocess.SubprocessError):
                return  # no such program, or it does not tell
            self._seen.append((time.time(), values))


def _row(stage: str, what: str, value: float, unit: str, **more: object) -> Row:
    return {"name": f"{stage}: {what}", "value": value, "unit": unit, **more}


if __name__ == "__main__":
    run(main, build_parser())
