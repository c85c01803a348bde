"""The threshold of the largest coverage whose answers are shown to be as accurate as asked, and how many rows show one.

It is chosen on the rows that measure it, so it is tested like one of many: Learn then Test (Angelopoulos et al., 2021,
arXiv:2110.01052), by the fallback procedure (Wiens, 2003, doi:10.1002/pst.64) over thresholds that no label had a part
in. Each threshold's hypothesis, that the answers are less accurate than asked, is rejected where Wilson's bound at its
level clears it. They are tested from the surest rows on, in two sequences with half of the level each: one begins where
twice as many rows are answered as would do if all were right, one at half of the rows; a level is handed on for as long
as hypotheses are rejected. All rows are tested at the whole level as well.
"""

from __future__ import annotations

from itertools import takewhile

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.core.risk_coverage import RiskCoverage

MIN_ROWS = 30
MIN_UNITS = 50  # of equal mass, where rows are clustered or weighted
HALF = 0.5  # the coverage where the second sequence begins
STEP, MOST_TIMES = 1.2, 1000.0  # by which, and up to which, the rows are multiplied to find a choice
EXACT = 0.005  # of the number of rows that is found


def choose(curve: RiskCoverage, launch: float, level: float) -> int | None:
    """Return the place in the curve of the largest coverage that is shown to reach the launch accuracy.

    Parameters
    ----------
    curve : RiskCoverage
        At the thresholds that may be chosen, the surest first, all rows last.
    launch : float
    level : float
        One-sided, of all tests together.

    Notes
    -----
    Clustered and weighted rows are worth what `RiskCoverage.guarded` says, Student's t has the degrees of freedom of
    as many units of equal mass, and fewer than 50 of those show nothing.
    """
    last = len(curve.n) - 1
    if _shown(curve, launch, level)[last]:
        return last
    z = _quantile(curve, level)
    enough = 2 * np.maximum(launch * z**2 / max(1 - launch, 1e-12), MIN_ROWS)  # Wilson's bound where all are right
    ready = (curve.effective >= enough) & _many(curve)
    starts = {int(np.argmax(reached)) for reached in (ready, curve.coverage()[0] >= HALF) if reached.any()}
    passes = {parts: _shown(curve, launch, level * parts / len(starts)).tolist() for parts in range(1, len(starts) + 1)}
    chosen, parts = None, 0
    for place in range(last + 1):
        parts += place in starts
        if parts and passes[parts][place]:
            chosen = place
        else:
            parts = 0
    return chosen


def needed(curve: RiskCoverage, launch: float, level: float, known: np.ndarray) -> tuple[int, float] | None:
    """Return what is chosen from a multiple of the rows with the same figures, and the multiple; None up to 1,000.

    `known` says of which places the figures are trusted. A choice need not stay one with yet more rows, since the first
    test then begins at surer ones; so multiples are tried from few to many, and at the one that is returned it holds.
    """

    def found(times: float) -> int | None:
        place = choose(curve.repeated(times), launch, level)
        return place if place is not None and known[place] else None

    tried = STEP ** np.arange(1, np.log(MOST_TIMES) / np.log(STEP))
    least = float(STEP ** sum(1 for _ in takewhile(lambda times: found(times) is None, tried.tolist())))
    most = least * STEP
    while most / least > 1 + EXACT:
        middle = (least * most) ** 0.5
        least, most = (middle, most) if found(middle) is None else (least, middle)
    place = found(most)
    return None if place is None else (place, most)


def _shown(curve: RiskCoverage, launch: float, level: float) -> np.ndarray:
    share, worth = curve.guarded()
    return np.asarray((wilson(share, worth, _quantile(curve, level))[0] >= launch) & _many(curve))


def _quantile(curve: RiskCoverage, level: float) -> FloatArray:
    units = np.where(curve.alike, curve.units, np.minimum(curve.units, curve.effective))
    return np.asarray(stats.t.isf(level, np.maximum(units - 1, 1)))


def _many(curve: RiskCoverage) -> np.ndarray:
    return np.asarray(curve.alike | (curve.effective >= MIN_UNITS))
