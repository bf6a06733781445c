"""``python -m graphdb.walks export`` writes walks from every molecule as shards; ``explain`` shows those of one."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.arrays import Strings
from graphdb.console import run, say
from graphdb.errors import InputError
from graphdb.files import sha256
from graphdb.holdout import key_file, read_blocks, read_certificate
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import shards
from graphdb.walks.config import Sampler, WalkConfig
from graphdb.workspace import Workspace

# An InChIKey, or its first block, which stands for all stereoisomers and isotopes of the same skeleton.
_KEY = re.compile(r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?")
_SKELETON_LETTERS = 14


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m graphdb.walks``."""
    parser = argparse.ArgumentParser(prog="python -m graphdb.walks", description="Random walks over the snapshot.")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write walks from every molecule as shards")
    _add_walk_arguments(export)
    export.add_argument(
        "--sampler",
        choices=("memory", "cypher", "gds"),
        default="memory",
        help="who walks: this process over the snapshot (default), or the graph server, in Cypher or by its Graph Data "
        "Science library",
    )
    export.add_argument("--uri", help="Bolt address of the graph for cypher and gds (default: as for all commands)")
    export.add_argument("--epochs", type=int, default=1, help="sets of walks to write (default: %(default)s)")
    export.add_argument("--shard-size", type=int, default=1_000_000, help="most walks in a file (default: %(default)s)")
    export.add_argument(
        "--exclude",
        type=Path,
        action="append",
        default=[],
        metavar="KEYS_FILE",
        help="molecules that no walk may touch: an InChIKey a line, or its first block for all stereoisomers; "
        "may be given again",
    )
    export.add_argument("--snapshot", type=Path, help="folder of the snapshot (default: snapshot/ in the workspace)")
    export.add_argument("--out", type=Path, help="folder to write (default: shards/ in the workspace)")
    shown = commands.add_parser("explain", help="print the walks of one molecule, with the edges that they take")
    shown.add_argument("molecule", help="InChIKey, or the name that the graph has")
    shown.add_argument("--walks", type=int, default=3, help="how many (default: %(default)s)")
    shown.add_argument("--epoch", type=int, default=0, help="of which epoch (default: %(default)s)")
    _add_walk_arguments(shown)
    shown.add_argument("--snapshot", type=Path, help="folder of the snapshot (default: snapshot/ in the workspace)")
    shown.add_argument("--uri", help="Bolt address of the graph (default: as for all commands)")
    return parser


def _add_walk_arguments(parser: argparse.ArgumentParser) -> None:
    default = WalkConfig()
    parser.add_argument("--length", type=int, default=default.length, help="steps of a walk (default: %(default)s)")
    if parser.prog.endswith("export"):
        parser.add_argument(
            "--walks-per-node", type=int, default=default.walks_per_node, help="walks a molecule (default: %(default)s)"
        )
    parser.add_argument("--weighted", action="store_true", help="step in proportion to edge weights, not uniformly")
    parser.add_argument("--seed", type=int, default=default.seed, help="seed of the walks (default: %(default)s)")
    parser.add_argument("--p", type=float, default=default.p, help="node2vec's return parameter (default: %(default)s)")
    parser.add_argument("--q", type=float, default=default.q, help="node2vec's in-out parameter (default: %(default)s)")
    parser.add_argument(
        "--edge-type",
        dest="edge_types",
        action="append",
        choices=list(EdgeType),
        metavar="EDGE_TYPE",
        help="walk along edges of this type alone; may be given again",
    )


def main(arguments: argparse.Namespace) -> None:
    """Do what is asked."""
    config = WalkConfig(
        length=arguments.length,
        walks_per_node=arguments.walks if arguments.command == "explain" else arguments.walks_per_node,
        weighted=arguments.weighted,
        seed=arguments.seed,
        p=arguments.p,
        q=arguments.q,
        edge_types=arguments.edge_types,
    )
    if arguments.command == "explain":
        from graphdb.walks.explain import show

        show(arguments, config)
    else:
        _export(arguments, config)


def _export(arguments: argparse.Namespace, config: WalkConfig) -> None:
    workspace = Workspace.default()
    snapshot = Snapshot.load(arguments.snapshot or workspace.snapshot)
    folder = arguments.out or workspace.shards
    listed = [read_keys(path) for path in arguments.exclude]
    certified = read_certificate(workspace.holdout)
    # By first block: a stereoisomer of a held-out molecule is held out as well.
    blocks = [block for item in certified for block in read_blocks(key_file(workspace.holdout, item.sha256))]
    excluded = matching(snapshot, [*(key for keys in listed for key in keys), *blocks])
    starts = np.setdiff1d(snapshot.nodes(NodeType.MOLECULE), excluded)
    if not len(starts):
        raise InputError("walks: there is no molecule to start from (none in the snapshot, or all are excluded)")
    files = [
        {"path": str(path), "sha256": sha256(path), "keys": len(keys)}
        for path, keys in zip(arguments.exclude, listed, strict=True)
    ]
    started = time.perf_counter()
    with _sampler(arguments, snapshot, config, excluded) as sampler:
        about = shards.write(
            folder,
            snapshot,
            starts,
            config,
            epochs=arguments.epochs,
            shard_size=arguments.shard_size,
            excluded=excluded,
            holdout={"files": files, "data_sets": [asdict(item) for item in certified]},
            sampler=sampler,
        )
    seconds = time.perf_counter() - started
    walks = about["epochs"] * about["walks_per_epoch"]
    say(
        f"{walks:,} {'weighted' if config.weighted else 'uniform'} walks from {len(starts):,} molecules "
        f"({about['epochs']} epochs) by the sampler {about['sampler']}, {about['mean_steps']:.2f} of {config.length} "
        "steps on average"
    )
    if arguments.exclude:
        say(f"{len(excluded):,} molecules excluded; the files name {sum(map(len, listed)):,}")
    for item in certified:
        say(f"held out, as ingest.all was told: {item.molecules:,} molecules of {item.name}")
    say(
        f"walked and written at {walks / seconds:,.0f} walks/s: {folder} ({len(about['files'])} files, {seconds:.1f} s)"
    )


@contextmanager
def _sampler(
    arguments: argparse.Namespace, snapshot: Snapshot, config: WalkConfig, excluded: npt.NDArray[np.int32]
) -> Iterator[Sampler | None]:
    """Open the sampler that was asked for; None stands for that in memory."""
    if arguments.sampler == "memory":
        yield None
        return
    # Not before: what trains has no database driver.
    from graphdb import connect
    from graphdb.walks.cypher import CypherSampler
    from graphdb.walks.gds import GdsSampler

    make = CypherSampler if arguments.sampler == "cypher" else GdsSampler
    with connect(arguments.uri, read_only=True) as store, make(store, snapshot, config, excluded) as sampler:
        yield sampler


def read_keys(path: Path) -> list[str]:
    """Return the InChIKeys or first blocks in a file, one a line; empty lines and ``#`` comments are left out.

    Raises
    ------
    InputError
        With file and line, if a line is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError("not a text file; expected an InChIKey a line", path=path) from None
    keys = []
    for number, line in enumerate(lines, start=1):
        key = line.split("#", 1)[0].strip()
        if key and not _KEY.fullmatch(key):
            raise InputError(f"expected an InChIKey or its first block, got {key[:60]!r}", path=path, line=number)
        if key:
            keys.append(key)
    return keys


def matching(snapshot: Snapshot, keys: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return the molecules that `keys` (InChIKeys, or first blocks) name, ascending, (k,) int32."""
    molecules = snapshot.nodes(NodeType.MOLECULE)
    own: Strings = snapshot.keys[molecules]
    whole = pd.Index(own.astype(object))
    skeleton = pd.Index(own.astype(f"<U{_SKELETON_LETTERS}").astype(object))
    named: npt.NDArray[np.bool_] = whole.isin(list(keys)) | skeleton.isin(
        [key for key in keys if len(key) == _SKELETON_LETTERS]
    )
    return molecules[named]


if __name__ == "__main__":
    run(main, build_parser())
