"""The arguments of ``python -m learn.pretrain``, and the settings that they make."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from graphdb.schema import EdgeType
from learn.config import PROFILES, QUICK, TrainConfig
from learn.objectives import OBJECTIVES

ABOUT = """Pretrain the encoder: walks → shards → batches → encoder.

``python -m learn.pretrain`` needs the snapshot, the feature store and the molecule graphs of a workspace, and neither
RDKit nor a database. Run again it goes on where it was, be it stopped, killed, or out of time. On several GPUs:
``torchrun --nproc-per-node N -m learn.pretrain``; they share each batch (and name a run by --name).
"""

NUMBERS: tuple[tuple[str, type], ...] = (
    ("epochs", int),
    ("batch_size", int),
    ("lr", float),
    ("weight_decay", float),
    ("beta", float),
    ("layers", int),
    ("dropout", float),
    ("seed", int),
    ("walk_length", int),
    ("walks_per_node", int),
    ("walk_seed", int),
    ("p", float),
    ("q", float),
    ("walk_epochs", int),
    ("clip", float),
    ("ema", float),
    ("temperature", float),
    ("anchor_weight", float),
    ("mask_share", float),
    ("validation", float),
    ("patience", int),
)
"""Settings that are numbers."""


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m learn.pretrain", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    settings = parser.add_argument_group("settings (written into the checkpoint)")
    add_settings(settings)
    parser.add_argument(
        "--holdout",
        action="append",
        default=[],
        metavar="TASK=PATH",
        help="leave the molecules of this data set out too, so that it can be evaluated; may be repeated",
    )
    parser.add_argument("--workspace", type=Path, help="folder of the graph (default: $INFOALIGN_WORKSPACE)")
    # The second name is for torchrun, which takes --run for an abbreviation of its own --run-path.
    parser.add_argument("--run", "--name", default="pretrain", metavar="NAME", help="of the run (default: pretrain)")
    parser.add_argument(
        "--shards",
        type=Path,
        help="folder of the walks (default: shards/ of the workspace, or of the run where those are of other settings)",
    )
    going_on = parser.add_mutually_exclusive_group()
    going_on.add_argument("--fresh", action="store_true", help="start again, whatever the run has done before")
    going_on.add_argument("--resume", action="store_true", help="go on, and stop if the run has no checkpoint yet")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    parser.add_argument("--compile", action="store_true", help="let torch.compile make the step (needs a C++ compiler)")
    parser.add_argument("--tensorboard", action="store_true", help="write curves for TensorBoard into the run's folder")
    parser.add_argument("--max-minutes", type=float, default=math.inf, help="stop after this time; go on later")
    parser.add_argument("--save-every", type=int, default=100, metavar="STEPS", help="default 100, and every epoch")
    return parser


def add_settings(settings: argparse._ArgumentGroup) -> None:
    """Add an argument for every setting of `TrainConfig`, without a default."""
    defaults = TrainConfig()
    for name, kind in NUMBERS:
        flag = "--" + name.replace("_", "-")
        settings.add_argument(flag, type=kind, default=None, help=f"default {getattr(defaults, name):g}")
    settings.add_argument("--latent", choices=("mean", "sample"), default=None, help="default mean, as in the paper")
    settings.add_argument("--objective", choices=sorted(OBJECTIVES), default=None, help="default infoalign")
    settings.add_argument(
        "--precision", choices=("float32", "bfloat16"), default=None, help="of the matrix products; default float32"
    )
    settings.add_argument(
        "--language-size",
        choices=("small", "paper"),
        default=None,
        help="transformer of masked-smiles and next-token: 4 layers of 300 (small, the default) or 12 of 768 (paper)",
    )
    settings.add_argument("--contrast", choices=("infonce", "infoloob"), default=None, help="default infonce")
    settings.add_argument("--weighted", action="store_true", default=None, help="walk in proportion to the weights")
    settings.add_argument(
        "--without", action="append", default=None, metavar="WHAT",
        help="ablation: rebuild no features of this node type or feature space; may be repeated",
    )  # fmt: skip
    settings.add_argument(
        "--without-edges", action="append", default=None, metavar="EDGE_TYPE", choices=[str(kind) for kind in EdgeType],
        help="ablation: walk along no edges of this type; may be repeated",
    )  # fmt: skip
    settings.add_argument("--ce-mean", choices=("weighted", "plain"), default=None, help="default weighted (the paper)")
    settings.add_argument("--kl", choices=("closed", "sample"), default=None, help="default closed form (the paper)")
    settings.add_argument(
        "--profile", choices=sorted(PROFILES), default="paper",
        help="where the published code departs from the paper, which of them to follow (default paper)",
    )  # fmt: skip
    settings.add_argument(
        "--quick",
        action="store_true",
        help="a demonstration on a laptop's CPU, not the paper's training: "
        + ", ".join(f"{name} {value:g}" for name, value in QUICK.items()),
    )


def settings_of(arguments: argparse.Namespace) -> TrainConfig:
    """Return the settings: what the command line gives, else ``--quick``'s and the profile's, else the defaults."""
    names = TrainConfig().as_dict()
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name, None) is not None}
    return TrainConfig(**{**PROFILES[arguments.profile], **(QUICK if arguments.quick else {}), **given})
