"""Mean, spread and median of what is known of each column: what standardises labels, and fills inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def moments(values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return mean and standard deviation (t,) of what is not NaN in (n, t); 0 and 1 where nothing is known.

    The deviation of values that do not differ is 1, so that it can be divided by.
    """
    known = ~np.isnan(values)
    counted = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0).sum(axis=0) / counted
    spread = np.sqrt(np.where(known, (values - centre) ** 2, 0).sum(axis=0) / counted)
    return centre.astype(np.float32), np.where(spread > 0, spread, 1).astype(np.float32)


def medians(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the median (t,) of what is not NaN in (n, t); 0 where nothing is known."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.nanmedian(values, axis=0)).astype(np.float32)
