"""The unattended measurement: that it runs, keeps what it has, and says in one line why it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import Report, Utilisation
from benchmarks.processes import ChildError, measure_in_child, watch

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.sh"


def run_script(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run([SCRIPT, *words], capture_output=True, text=True, env=environment, timeout=580, check=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("words", [[], ["--quick"], ["--device", "cuda:1"]])
def test_without_a_gpu_it_fails_with_one_line(words: list[str], tmp_path: Path) -> None:
    # In this process the error is the same; a second start of Python would only take longer.
    if not words:
        done = run_script("--json", str(tmp_path / "gpu.json"))
        assert done.returncode == 1
        assert done.stderr.strip().splitlines() == [done.stderr.strip()]
        assert done.stderr.startswith("error: no CUDA device here")
    else:
        from benchmarks.gpu import build_parser, main
        from graphdb.errors import InputError

        with pytest.raises(InputError, match="no CUDA device here"):
            main(build_parser().parse_args([*words, "--json", str(tmp_path / "gpu.json")]))
    assert not (tmp_path / "gpu.json").exists()


@pytest.mark.slow
def test_the_whole_of_it_runs_on_a_cpu(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    done = run_script("--device", "cpu", "--quick", "--json", str(path))
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    report = json.loads(path.read_text())
    rows = {row["name"]: row for row in report["rows"]}
    assert report["benchmark"] == "gpu"
    for stage in ("float32", "bfloat16", "bfloat16, compiled"):
        training = rows[f"{stage}: training"]
        assert training["device"] == "cpu"
        assert training["steps"] == 2
        hours = rows[f"{stage}: 300 epochs of 129,592 molecules"]["value"]
        assert hours == pytest.approx(300 * 129_592 / training["value"] / 3600)
    # Equal seeds, equal batches: the precisions begin at the same loss, but for what dropout draws.
    assert rows["bfloat16: training"]["first_loss"] == pytest.approx(rows["float32: training"]["first_loss"], rel=0.05)


def test_what_was_measured_stays_where_a_later_stage_fails(tmp_path: Path) -> None:
    report = Report(tmp_path / "results" / "gpu.json", torch.device("cpu"))

    def fails() -> list[dict[str, object]]:
        written = json.loads((tmp_path / "results" / "gpu.json").read_text())
        assert [row["name"] for row in written["rows"]] == ["first"]
        raise ChildError("out of memory")

    report.stage("one", lambda: [{"name": "first", "value": 2.5, "unit": "s"}])
    report.stage("two", fails)
    rows = json.loads((tmp_path / "results" / "gpu.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["first", "two: failed"]
    assert rows[1]["reason"] == "out of memory"
    assert report.failed == ["two"]


def test_utilisation_is_the_mean_within_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.asked"\necho "80, 2048, 350.5"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Utilisation(torch.device("cuda:3"), every=0.01) as utilisation:
        deadline = time.monotonic() + 30
        while len(utilisation._seen) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert utilisation.means(0, time.time()) == [
        ("GPU busy", 80, "%"),
        ("memory in use", 2048, "MiB"),
        ("power", 350.5, "W"),
    ]
    assert utilisation.means(0, 1) == []
    assert (tmp_path / "nvidia-smi.asked").read_text().splitlines()[0].endswith("-i 3")


def test_a_machine_without_nvidia_smi_has_no_utilisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with Utilisation(torch.device("cuda"), every=0.01) as utilisation:
        time.sleep(0.05)
    assert utilisation.means(0, time.time()) == []


def test_a_process_that_takes_too_long_is_ended_with_its_children() -> None:
    began = time.monotonic()
    with pytest.raises(ChildError, match="not done after 1 s"):
        watch(["sh", "-c", "sleep 100 & sleep 100"], timeout=1)
    assert time.monotonic() - began < 30


def test_a_process_that_fails_says_why_and_memory_is_seen() -> None:
    with pytest.raises(ChildError, match="no such thing"):
        watch([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    done = watch([sys.executable, "-c", "import time; block = bytes(200 * 2**20)[::1] + b'1'; time.sleep(1)"])
    assert 200 < done.peak_mib < 600
    assert done.seconds > 1


def test_a_measurement_comes_back_from_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "measured_module.py"
    module.write_text("import json, sys\nwith open(sys.argv[-1], 'w') as file: json.dump(sys.argv[1:3], file)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert measure_in_child("measured_module", ["word", 3]) == ["word", "3"]


def test_training_needs_neither_chemistry_nor_a_database() -> None:
    code = (
        "import sys\n"
        "for name in ('rdkit', 'neo4j', 'ingest', 'arcadedb_embedded', 'py2neo'): sys.modules[name] = None\n"
        "import benchmarks.gpu, benchmarks.training, benchmarks.paper_scale\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=300)
