"""SIMULATED profiles for the demo: no instrument measured them, and they say nothing about any drug.

Purpose: neighbourhoods that make sense without a download. Drugs that share targets get profiles that resemble each
other, knocking a gene out resembles its inhibitor, over-expressing it resembles its activator, and a drug without a
known target resembles nothing.

Model, for a feature space of d features:

- each mechanism and each gene has a direction, a unit vector; a gene's is mostly that of its mechanism;
- the signal of a treatment is the sum of its targets' directions, + where it activates and - where it inhibits, scaled
  to norm 1;
- a profile is signal + batch of its plate + noise, times a strength, so that a cell has a standard deviation of about
  `SCALE`.

Every vector is drawn from a stream of its own, seeded by what it belongs to, so that another fact in the table changes
only the profiles of its drug.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEED = 20240612
SCALE = 2.0
BATCH = 0.1  # norm of a plate's offset, beside a signal of norm 1
COMPOUND_NOISE = 0.35  # two drugs of one target then have a cosine of about 1 / (1 + 0.35²) = 0.89
GENE_NOISE = 0.2
MECHANISM_SHARE = {"morphology": 0.85, "expression": 0.7}  # of a direction's square; the rest is the gene's own
RESPONDING = 0.1  # share of the genes that a mechanism changes in expression
OWN_RESPONSE = 2.0  # how much inhibiting a gene raises its own expression, as statins do HMGCR's

PLATES = 4

_COMPARTMENTS = ("Cells", "Cytoplasm", "Nuclei")
_SHAPES = ("Area", "Compactness", "Eccentricity", "FormFactor", "MajorAxisLength", "Solidity")
_CHANNELS = ("AGP", "DNA", "ER", "Mito", "RNA")
_PER_CHANNEL = (
    "Granularity_1_{}",
    "Granularity_4_{}",
    "Intensity_IntegratedIntensity_{}",
    "Intensity_StdIntensity_{}",
    "RadialDistribution_FracAtD_{}_1of4",
    "Texture_Contrast_{}_5_00",
    "Texture_Entropy_{}_5_00",
)
_PAIRS = ("Correlation_K_DNA_ER", "Correlation_K_DNA_RNA", "Correlation_K_ER_Mito")

MORPHOLOGY_COLUMNS: tuple[str, ...] = tuple(
    f"{compartment}_{name}"
    for compartment in _COMPARTMENTS
    for name in (
        *(f"AreaShape_{shape}" for shape in _SHAPES),
        *(template.format(channel) for template in _PER_CHANNEL for channel in _CHANNELS),
        *_PAIRS,
    )
)
"""Names as CellProfiler writes them; 3 compartments x (6 + 7 x 5 + 3) = 132."""


@dataclass(frozen=True)
class Treatment:
    """What is done to the cells.

    Attributes
    ----------
    name
        Names the treatment; seeds its noise.
    effects
        Gene → +1 (made more active) or -1 (less active).
    plate
        0 .. `PLATES` - 1.
    noise
        Norm of the noise beside a signal of norm 1.
    """

    name: str
    effects: Mapping[int, int]
    plate: int
    noise: float


def morphology(treatments: Sequence[Treatment], mechanisms: Mapping[int, str]) -> npt.NDArray[np.float32]:
    """Simulate morphology: (treatments, `MORPHOLOGY_COLUMNS`) float32.

    Parameters
    ----------
    treatments
        What is done.
    mechanisms
        Gene → its mechanism, for every gene that occurs in an effect.
    """
    width = len(MORPHOLOGY_COLUMNS)
    directions = {
        gene: _mixed(
            _unit(_stream("morphology mechanism", mechanism).standard_normal(width)),
            _unit(_stream("morphology gene", str(gene)).standard_normal(width)),
            MECHANISM_SHARE["morphology"],
        )
        for gene, mechanism in mechanisms.items()
    }
    return _profiles("morphology", treatments, directions, width)


def expression(
    treatments: Sequence[Treatment], mechanisms: Mapping[int, str], columns: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Simulate expression: (treatments, columns) float32; few genes respond, and some strongly.

    Parameters
    ----------
    treatments, mechanisms
        As for `morphology`.
    columns
        The gene of each column.
    """
    place = {gene: column for column, gene in enumerate(columns)}
    directions = {}
    for gene, mechanism in mechanisms.items():
        own = _responses("expression gene", str(gene), len(columns))
        if gene in place:
            own[place[gene]] = -OWN_RESPONSE
        shared = _responses("expression mechanism", mechanism, len(columns))
        directions[gene] = _mixed(shared, _unit(own), MECHANISM_SHARE["expression"])
    return _profiles("expression", treatments, directions, len(columns))


def _profiles(
    space: str, treatments: Sequence[Treatment], directions: Mapping[int, Floats], width: int
) -> npt.NDArray[np.float32]:
    values = np.empty((len(treatments), width), dtype=np.float32)
    batches = [BATCH * _unit(_stream(f"{space} plate", str(plate)).standard_normal(width)) for plate in range(PLATES)]
    for row, treatment in zip(values, treatments, strict=True):
        stream = _stream(f"{space} treatment", treatment.name)
        signal = np.zeros(width)
        for gene in sorted(treatment.effects):
            signal += treatment.effects[gene] * directions[gene]
        noise = treatment.noise * _unit(stream.standard_normal(width))
        strength = stream.uniform(0.7, 1.3)
        row[:] = SCALE * np.sqrt(width) * strength * (_unit(signal) + batches[treatment.plate] + noise)
    return values


def _responses(kind: str, name: str, width: int) -> Floats:
    """Return a unit vector in which a tenth of the genes respond, with heavy tails."""
    stream = _stream(kind, name)
    responding = stream.choice(width, size=max(1, round(RESPONDING * width)), replace=False)
    vector = np.zeros(width)
    vector[responding] = stream.laplace(size=len(responding))
    return _unit(vector)


def _stream(kind: str, name: str) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32(kind.encode()), zlib.crc32(name.encode())])


def _mixed(shared: Floats, own: Floats, share: float) -> Floats:
    return _unit(np.sqrt(share) * shared + np.sqrt(1 - share) * own)


def _unit(vector: Floats) -> Floats:
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector
