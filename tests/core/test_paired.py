"""Paired differences on the cells that occur: as on all cells that there could be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.counts import count_cells
from mlflow_evalplus.core.intervals import ROUNDING, influence, quantile
from mlflow_evalplus.core.metrics import OVERALL, Metric, of_classes
from mlflow_evalplus.core.paired import count_pairs, difference_bounds, differences, pair
from mlflow_evalplus.core.predictions import Predictions, read
from tests.core.test_one_class import KINDS, columns, rows
from tests.generated import inputs


def on_all_cells(metric: Metric, a: Predictions, b: Predictions) -> tuple[FloatArray, ...]:
    """Return value, bounds and p-value of each slice from the whole cube (label, A's answer, B's answer)."""
    k = len(a.labels)
    codes = [a.label_codes("label"), a.label_codes("prediction"), b.label_codes("prediction")]
    width = k + int(max(codes[1].max(), codes[2].max()) == k)
    shape = (k, width, width)
    margin = count_cells(a, np.ravel_multi_index(codes, shape), k * width * width, [("slice",)])["slice",]
    shares = margin.shares.reshape(-1, *shape)
    (value_a, psi_a), (value_b, psi_b) = (influence(metric, shares.sum(axis=axis)) for axis in (3, 2))
    label, of_a, of_b = (shares.sum(axis=axes) > 0 for axes in ((2, 3), (1, 3), (1, 2)))
    occur = label[:, :, None, None] & of_a[:, None, :, None] & of_b[:, None, None, :]
    psi = np.where(occur, psi_a[:, :, :, None] - psi_b[:, :, None, :], 0).reshape(margin.rows.shape)
    behind = metric.denominator(k, width)
    mask = np.maximum(behind[:, :, None], behind[:, None, :]).ravel()
    value = value_a - value_b
    span = metric.high - metric.low
    value = np.where(np.abs(value) < ROUNDING * span, 0.0, value)  # what is rounding there is rounding here
    return value, *difference_bounds(margin, psi, value, quantile(margin, 0.95), mask, span)


@settings(max_examples=inputs(40), deadline=None)
@given(st.integers(6, 90), st.integers(2, 5), st.integers(0, 80), st.sampled_from(KINDS))
def test_differences_are_those_of_the_whole_cube(n: int, k: int, seed: int, kind: str) -> None:
    frame = rows(n, k, seed)
    labels = sorted({*frame["label"], "unseen"})
    a, b = (
        read(frame, prediction=answer, labels=labels, slices=["slice"], **columns(kind))
        for answer in ("prediction", "other")
    )
    pairs, cells = pair(a, b)
    margin = count_pairs(a, pairs, cells, [("slice",)])["slice",]
    chosen = {**OVERALL, **of_classes(a.labels)}
    found = differences(chosen, margin, pairs, 0.95)
    for name, metric in chosen.items():
        with np.errstate(invalid="ignore"):
            expected = on_all_cells(metric, a, b)
        for place, row in enumerate(found):
            one = row[name]
            given_ = [one.value, one.lower, one.upper, one.p_value]
            assert given_ == pytest.approx([float(part[place]) for part in expected], rel=1e-8, abs=1e-10, nan_ok=True)


def test_only_cells_that_occur_are_kept() -> None:
    frame = rows(200, 40, 1)
    a, b = (read(frame, prediction=answer) for answer in ("prediction", "other"))
    pairs, cells = pair(a, b)
    assert len(pairs.label) <= 200
    assert cells.max() == len(pairs.label) - 1
    codes = zip(a.label_codes("label"), a.label_codes("prediction"), b.label_codes("prediction"), strict=True)
    held = zip(pairs.label[cells], pairs.a[cells], pairs.b[cells], strict=True)
    assert [tuple(map(int, row)) for row in codes] == [tuple(map(int, row)) for row in held]
