"""Write parts of a data set's split as a list: ``python -m learn.tasks.parts --task chembl2k --data PATH --out FILE``.

``ingest.all --hold-out chembl2k=FILE`` keeps these molecules out of pretraining and leaves it the others, whose
profiles are much of what it can learn from. The same data set always gives the same file, so that its hash, which a
checkpoint records, shows what was held out.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from graphdb.console import run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file
from ingest.holdout import LISTS
from learn.tasks import TASKS, TaskData, load
from learn.tasks.split import SplitIndices, split

SCORED = ("valid", "test")
"""What a score rests on: the test set, and the set by which epochs and settings are chosen."""


def list_of(data: TaskData, parts: Sequence[str] = SCORED) -> bytes:
    """Return the SMILES of some parts of a data set's split, a line each, as its file writes them and in its order.

    Parameters
    ----------
    data
        The data set.
    parts
        Of ``train``, ``valid`` and ``test``.

    Raises
    ------
    InputError
        If a part is none of these.
    """
    unknown = sorted(set(parts) - set(SplitIndices._fields))
    if unknown or not parts:
        raise InputError(f"parts are {', '.join(SplitIndices._fields)}; got {', '.join(unknown) or 'none'}")
    indices = split(data)._asdict()
    rows = sorted(int(row) for part in set(parts) for row in indices[part])
    return "".join(f"{data.smiles[row]}\n" for row in rows).encode()


def hashes(data: TaskData) -> dict[str, str]:
    """Return the SHA-256 of the lists that hold the test set of a data set, by what they are called."""
    lists = {"validation and test set": SCORED, "test set": ("test",)}
    return {name: hashlib.sha256(list_of(data, parts)).hexdigest() for name, parts in lists.items()}


def main(arguments: argparse.Namespace) -> None:
    """Write the list."""
    if arguments.out.suffix not in LISTS:
        raise InputError(f"a list is called {', '.join(f'*{suffix}' for suffix in LISTS)}", path=arguments.out)
    data = load(arguments.task, arguments.data)
    content = list_of(data, arguments.parts)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(arguments.out) as temporary:
        temporary.write_bytes(content)
    count = content.count(b"\n")
    parts, whole = ", ".join(arguments.parts), len(data.smiles)
    say(f"{count:,} of {whole:,} molecules of {data.task.title} ({parts}): {arguments.out}")


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.tasks.parts", description=__doc__)
    parser.add_argument("--task", required=True, choices=sorted(TASKS), help="the downstream data set")
    parser.add_argument(
        "--data", required=True, type=Path, help="its file (assays.csv.gz), its folder or the one above"
    )
    parser.add_argument(
        "--parts",
        type=lambda text: tuple(text.split(",")),
        default=SCORED,
        help="of train, valid and test; separated by commas (default: valid,test)",
    )
    parser.add_argument("--out", required=True, type=Path, help=f"the list ({', '.join(LISTS)})")
    return parser


if __name__ == "__main__":
    run(main, build_parser())
