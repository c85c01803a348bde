"""Thresholds of confidence: round numbers, fixed before any row is seen, ever finer towards 1.

Percents up to 99 %, from there nine to a power of ten: 0.991, 0.992 … 0.999, 0.9991 … So a threshold can be written
down, served as it stands, and tested without asking how it was found.
"""

from __future__ import annotations

import narwhals as nw
import numpy as np

from mlflow_evalplus.core.columns import FloatArray

FINER = 10  # cells of confidence between two thresholds
DECADES = range(2, 9)  # 1 - 10⁻², where the percents end, to 1 - 10⁻⁹
PERCENTS = 99
NINTHS = 9
ROUNDING = 1e-6  # of a cell: 0.29 is not quite 29 hundredths
LAST = (PERCENTS + NINTHS * len(DECADES)) * FINER


def cell(confidence: nw.Expr) -> nw.Expr:
    """Return the cell that a confidence, 0 … 1, lies in, 0 … 1,620: a tenth of the step between two thresholds.

    Only products, differences and rounding: all engines agree.
    """
    found = (confidence * 1000.0 + ROUNDING).floor()
    for place, decade in enumerate(DECADES):
        scale = 10.0 ** (decade + 2)
        first = float((PERCENTS + NINTHS * (place + 1)) * FINER)
        within = first + 10.0 - ((1.0 - confidence) * scale - ROUNDING).ceil()
        least = 1.0 - 10.0**-decade - ROUNDING / scale
        found = nw.when(confidence >= least).then(within).otherwise(found)
    return found.clip(lower_bound=0.0, upper_bound=float(LAST))


def all_thresholds() -> FloatArray:
    """Return the thresholds in their order; the place of one, times ten, is its first cell.

    Examples
    --------
    >>> all_thresholds()[[0, 87, 99, 100, 107, 108]].tolist()
    [0.0, 0.87, 0.99, 0.991, 0.998, 0.999]
    """
    percents = [place / 100 for place in range(PERCENTS)]
    near = [(1000 * 10 ** (d - 2) - m) / (1000 * 10 ** (d - 2)) for d in DECADES for m in range(10, 1, -1)]
    return np.array([*percents, *near, 1 - 10.0 ** -(DECADES[-1] + 1)])
