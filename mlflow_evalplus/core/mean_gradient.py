"""A metric's gradient along the line from one confusion matrix to another: what makes a difference add up."""

from __future__ import annotations

import numpy as np

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.metrics import Metric

STEP, REACH = 1 / 32, 3.2  # of the quadrature: 205 nodes, right to 1e-9 even where a class has one row in a million


def mean_gradient(metric: Metric, p_a: FloatArray, p_b: FloatArray) -> FloatArray:
    """Return ``ḡ`` [labels, predictions], the mean gradient on the line from `p_b` to `p_a`; ``Δm = Σ ḡ (p_a - p_b)``.

    Both have the same label shares; the metric is defined at both ends and smooth between them. A class that no example
    has and that one side alone answers may make a step at an end: it is spread over the answers of that class.

    Notes
    -----
    Where a class is rare on one side the gradient is steep near that end, so nodes gather at both ends: the double
    exponential formula of Takahasi and Mori, *Publications of the RIMS* 9 (1974), doi:10.2977/prims/1195192451.
    """
    x = np.arange(-REACH, REACH + STEP / 2, STEP)
    near, far = (1 / (1 + np.exp(sign * np.pi * np.sinh(x))) for sign in (1, -1))  # 1 - t and t, exact near both ends
    weights = np.cosh(x) * near * far
    total = np.zeros(p_a.shape)
    for w, from_b, from_a in zip(weights / weights.sum(), near, far, strict=True):
        total += w * metric.formula((from_b * p_b + from_a * p_a)[None])[1][0]
    labelled = p_a.sum(axis=1) > 0
    total[~labelled] = 0
    k = len(p_a)
    for here, there in ((p_a, p_b), (p_b, p_a)):
        before, after = (metric.formula(p[None])[0][0] for p in (there, there + 1e-30 * here))
        own = here.sum(axis=0)
        enters = np.flatnonzero(~labelled & (own[:k] > 0) & (there.sum(axis=0)[:k] == 0))
        total[:, enters] += (after - before) / max(len(enters), 1) / own[enters]
    return total
