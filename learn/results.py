"""The results table, resumably: ``python -m learn.results --data FOLDER --tasks chembl2k,broad6k,biogen3k``.

Every system on every data set is a cell. A cell is computed once and kept in a JSON file; what is there is not computed
again, so the command can be stopped and run again, and a further data set costs only its own cells.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.console import note, print_table, progress, run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file
from graphdb.machine import processors
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace
from learn.baselines import boosting
from learn.checkpoint import Checkpoint
from learn.checkpoint import load as load_checkpoint
from learn.config import WIDTH
from learn.downstream import (
    Result,
    boosting_result,
    fine_tuned_result,
    forest_result,
    head_result,
    probe_result,
)
from learn.encode import embed_graphs
from learn.fine_tuning import FineTuneConfig
from learn.finetune import check_held_out, encodable, untrained
from learn.metrics import MeanAndDeviation
from learn.results_cells import EMBEDDING_SYSTEMS, SYSTEMS, Cell, CellStore, name_of, seeds_of
from learn.results_page import markdown
from learn.runs import newest_checkpoint
from learn.standard_graphs import standard_graphs
from learn.tasks import TaskData, load, task_named
from learn.tasks.split import SplitIndices, split

FINE_TUNE_EPOCHS, FINE_TUNE_SEEDS = 3, 1
"""What lets the whole table be made within some 25 minutes on two cores."""


@dataclass(frozen=True)
class Benchmark:
    """A data set with what its cells need, made where a cell asks for it.

    Attributes
    ----------
    data
        The data set.
    models
        The pretrained encoder (True) and the one before training (False).
    device
        Where to compute.
    """

    data: TaskData
    models: dict[bool, Checkpoint]
    device: str

    @cached_property
    def parts(self) -> SplitIndices:
        """The split."""
        return split(self.data)

    @cached_property
    def molecules(self) -> tuple[MoleculeGraphs, npt.NDArray[np.int64]]:
        """The graphs, and the graph of each row (−1: none)."""
        graphs, place, _ = standard_graphs(self.data.smiles, self.models[True].tautomers)
        return graphs, place

    @cached_property
    def embeddings(self) -> dict[bool, npt.NDArray[np.float32]]:
        """The embeddings (n, 300) by each encoder, NaN where a row has no graph."""
        graphs, place = self.molecules
        found = {}
        for pretrained, model in self.models.items():
            note(f"{self.data.task.title}: encoding, {'pretrained' if pretrained else 'untrained'}")
            x = np.full((len(place), WIDTH), np.nan, dtype=np.float32)
            x[place >= 0] = embed_graphs(model.encoder(), graphs, device=self.device)[place[place >= 0]]
            found[pretrained] = x
        return found

    @cached_property
    def labels(self) -> npt.NDArray[np.float32]:
        """The labels (n, t) of molecules that both encoders can take: all systems are scored on the same ones."""
        return encodable(self.data, *self.embeddings.values())[0]

    def result(self, cell: Cell) -> Result:
        """Compute a cell."""
        data, labels, parts = self.data, self.labels, self.parts
        if cell.system == "random forest":
            return self._with_bar(cell, lambda on: forest_result(data, labels, parts, cell.seeds, on_seed=on))
        if cell.system == "LightGBM":
            return boosting_result(data, labels, parts, cell.seeds, Workspace.default().cache)
        assert cell.pretrained is not None
        name, x = name_of(cell.as_json()), self.embeddings[cell.pretrained]
        if cell.system == "linear probe":
            return probe_result(data, labels, parts, x, name)
        if cell.system == "head":
            return self._with_bar(
                cell,
                lambda on: head_result(data, labels, parts, x, name, cell.seeds, device=self.device, on_seed=on),
            )
        config = FineTuneConfig(epochs=cell.settings["epochs"])
        encoder = self.models[cell.pretrained].encoder()
        graphs, place = self.molecules
        return self._with_bar(
            cell,
            lambda on: fine_tuned_result(
                data, labels, parts, graphs, place, encoder, name, cell.seeds, config, self.device, on_epoch=on
            ),
            config.epochs * len(cell.seeds),
        )

    def _with_bar(
        self, cell: Cell, compute: Callable[[Callable[[int], None]], Result], total: int | None = None
    ) -> Result:
        with progress() as bar:
            counter = bar.add_task(f"{cell.task}, {cell.system}", total=total or len(cell.seeds))
            return compute(lambda _done: bar.advance(counter))


def cells_of(data: TaskData, models: dict[bool, Checkpoint], arguments: argparse.Namespace) -> list[Cell]:
    """Return the cells of a data set in the order of the rows of its table."""
    found = []
    for pretrained, model in models.items():
        for system in EMBEDDING_SYSTEMS:
            seeds = {"linear probe": 1, "head": arguments.seeds, "fine-tuned": arguments.fine_tune_seeds}[system]
            settings = {"epochs": arguments.fine_tune_epochs} if system == "fine-tuned" else {}
            found.append(
                Cell(data.task.name, data.sha256, system, pretrained, model.model_hash, seeds_of(seeds), settings)
            )
    forest_seeds = min(arguments.seeds, arguments.baseline_seeds or data.task.baseline_seeds)
    for system, n_seeds in (("random forest", forest_seeds), ("LightGBM", 1)):
        settings = dict(boosting.SETTINGS) if system == "LightGBM" else {}
        found.append(Cell(data.task.name, data.sha256, system, None, None, seeds_of(n_seeds), settings))
    return [cell for cell in found if cell.system in arguments.systems]


def main(arguments: argparse.Namespace) -> None:
    """Compute what is missing, print the table, write the page."""
    began = time.monotonic()
    path = arguments.checkpoint or newest_checkpoint(Workspace.default())
    model = load_checkpoint(path)
    models = {True: model, False: untrained(model)}
    if "LightGBM" in arguments.systems and not boosting.available():
        note("LightGBM is not installed and is left out; pip install 'infoalign-db[boosting]'")
        arguments.systems = [system for system in arguments.systems if system != "LightGBM"]
    benchmarks = [Benchmark(load(name, arguments.data), models, arguments.device) for name in arguments.tasks]
    leakage = {one.data.task.name: check_held_out(model.holdout, one.data) for one in benchmarks}
    for one in benchmarks:
        reason = leakage[one.data.task.name]
        if reason and not arguments.allow_leakage:
            raise InputError(
                f"{reason}, so its scores would say nothing; pretrain with --holdout {one.data.task.name}="
                f"{one.data.path}, or pass --allow-leakage",
                path=path,
            )
    store = CellStore(arguments.out)
    records: list[dict[str, Any]] = []
    computed = 0
    for one in benchmarks:
        for cell in cells_of(one.data, models, arguments):
            record = store.get(cell)
            if record is None:
                note(f"{one.data.task.title}: {name_of(cell.as_json())}, seeds: {len(cell.seeds)}")
                _ = one.labels  # what all cells share is not counted to the first
                started = time.monotonic()
                result = one.result(cell)
                record = store.put(
                    cell,
                    result.as_json(one.data.names),
                    time.monotonic() - started,
                    test_molecules=len(one.parts.test),
                    checkpoint=str(path),
                )
                computed += 1
            records.append(record)
    _print(records)
    if arguments.markdown:
        about = {
            "checkpoint": model.model_hash,
            "command": f"python -m learn.results --tasks {','.join(arguments.tasks)} --seeds {arguments.seeds}",
            "leakage": {name: reason for name, reason in leakage.items() if reason},
            "cores": processors(),
        }
        with replacing_file(arguments.markdown) as temporary:
            temporary.write_text(markdown(records, about), encoding="utf-8")
        say(f"page: {arguments.markdown}")
    say(
        f"{len(records)} cells: {computed} computed, {len(records) - computed} were there: {arguments.out} "
        f"({time.monotonic() - began:.0f} s)"
    )
    if any(leakage.values()):
        say("LEAKAGE: " + "; ".join(reason for reason in leakage.values() if reason))


def _print(records: list[dict[str, Any]]) -> None:
    rows = []
    for record in records:
        result = record["result"]
        deviation = float("nan") if result["deviation"] is None else result["deviation"]
        score = MeanAndDeviation(result["mean"], deviation, len(result["seeds"]))
        low, high = result["interval"]
        rows.append(
            [
                task_named(record["cell"]["task"]).title,
                name_of(record["cell"]),
                f"{result['metric'].upper()} {score}",
                f"{low:.3f} to {high:.3f}",
                len(result["seeds"]),
                record["seconds"],
            ]
        )
    print_table("Downstream results", ["data set", "system", "mean", "95 %", "seeds", "s"], rows)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.results", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="pretrained encoder (default: the newest run's)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument(
        "--tasks", type=_tasks, default=["chembl2k", "broad6k", "biogen3k"], help="names, separated by commas"
    )
    parser.add_argument(
        "--systems",
        type=_systems,
        default=list(SYSTEMS),
        help=f"of {', '.join(SYSTEMS)}; separated by commas (default: all)",
    )
    parser.add_argument("--seeds", type=_positive, default=10, help="seeds of the head (default: %(default)s)")
    parser.add_argument(
        "--fine-tune-seeds", type=_positive, default=FINE_TUNE_SEEDS, help="seeds of fine-tuning (default: %(default)s)"
    )
    parser.add_argument(
        "--fine-tune-epochs", type=_positive, default=FINE_TUNE_EPOCHS, help="most epochs of it (default: %(default)s)"
    )
    parser.add_argument(
        "--baseline-seeds", type=_positive, help="seeds of the random forest (default: what fits in some three minutes)"
    )
    parser.add_argument("--out", type=Path, default=Path("results.json"), help="store (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, help="write the table as this page")
    parser.add_argument("--allow-leakage", action="store_true", help="go on although pretraining saw these molecules")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    return parser


def _tasks(text: str) -> list[str]:
    try:
        return [task_named(name.strip()).name for name in text.split(",")]
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _systems(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SYSTEMS:
            raise argparse.ArgumentTypeError(f"no system {name!r}; there are: {', '.join(SYSTEMS)}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    run(main, build_parser())
