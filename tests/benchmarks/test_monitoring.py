"""The monitor: false alarms, drops that are seen, what the estimate without labels covers, and time.

``pytest -m benchmark -s tests/benchmarks/test_monitoring.py`` prints the tables of docs/monitor_statistics.md.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.monitoring.confidence import calibrate, estimated_accuracy
from mlflow_evalplus.core.monitoring.drop import Answers, p_worse
from mlflow_evalplus.results import Outcome, Window
from tests.benchmarks.populations import table
from tests.core.monitoring.streams import SCORES, SLICES, answered, at_most, judged, stream

pytestmark = pytest.mark.benchmark
SIMULATIONS = int(float(os.environ.get("EVALPLUS_SIMULATIONS", "400")))
ONE_WINDOW = 10**7
ALPHA = 0.05
LABELLED = 0.5
KINDS_OF_ROWS = ("weights 1 and 2", "two rows a customer", "10 customers here", "10 customers there")
TESTS = 5 * SIMULATIONS
KINDS = ("accuracy", "estimated_accuracy", "psi", "new_terms")
LIMIT_S = 20.0


# Rows of the reference, rows of the window, customers, accuracy; half of the rows are labelled.
CALM = (
    (6000, 3000, 0, 0.9), (2000, 1000, 0, 0.8), (1000, 1000, 0, 0.9), (1000, 200, 0, 0.95), (2000, 1000, 300, 0.9),
    (1000, 1000, 60, 0.9),
)  # fmt: skip
DROPS = tuple((accuracy, n) for accuracy in (0.90, 0.82) for n in (1000, 2000, 4000))


def watched(reference: pd.DataFrame, log: pd.DataFrame, customers: int = 0) -> Window:
    """Return the one window that the log is."""
    cluster = "customer" if customers else None
    slices = [column for column in SLICES if column in log.columns]
    return ep.monitor(log, reference=reference, window=ONE_WINDOW, scores=SCORES, slices=slices, cluster=cluster).last


def calm(n_reference: int, n: int, customers: int, accuracy: float) -> tuple[Any, ...]:
    """Return a line of the table: what raises an alert where nothing has changed."""
    rng, n_alarms, kinds = np.random.default_rng([n_reference, n, customers]), 0, Counter[str]()
    shape = {"labelled": LABELLED, "customers": customers, "accuracy": accuracy}
    for _ in range(SIMULATIONS):
        window = watched(stream(n_reference, rng, **shape), stream(n, rng, **shape), customers)
        raised = {alert.metric for alert in window.alerts if alert.outcome is Outcome.FAIL}
        n_alarms += bool(raised)
        kinds.update(raised)
    shares = (kinds[kind] / SIMULATIONS for kind in KINDS)
    return (n_reference, n, customers or "–", accuracy, n_alarms / SIMULATIONS, *shares)


def test_a_window_without_drift_seldom_raises_an_alert() -> None:
    lines = [calm(*kind) for kind in CALM]
    print(f"\n\nshare of {SIMULATIONS} windows without drift that raise an alert, half of the rows labelled\n")
    print(table(("reference", "window", "customers", "accuracy", "any alert", *KINDS), lines))
    assert [line for line in lines if line[4] * SIMULATIONS > at_most(ALPHA, SIMULATIONS)] == []


def false_alarms(kind: str, n_reference: int, accuracy: float) -> tuple[Any, ...]:
    """Return a line of the table: how often accuracy alone raises an alert on weighted or clustered rows."""
    rng = np.random.default_rng([n_reference, int(100 * accuracy), KINDS_OF_ROWS.index(kind)])

    def side(n: int, customers: int) -> Answers:
        found = answered(n, rng, accuracy=accuracy, customers=customers)
        if kind == "weights 1 and 2":
            return judged(found.right, rng.choice([1.0, 2.0], n))
        return judged(found.right, who=found.who if customers else rng.integers(0, n // 2, n))

    own, there = {"10 customers here": (10, 300), "10 customers there": (300, 10)}.get(kind, (0, 0))
    n_alarms = sum(p_worse(side(1000, own), side(n_reference, there)) < ALPHA / 2 for _ in range(TESTS))
    return (kind, n_reference, accuracy, n_alarms / TESTS)


def test_a_reference_that_is_nearly_all_right_raises_no_false_alarms() -> None:
    cells = ((60, 0.97), (100, 0.99), (300, 0.99), (240, 0.97), (1000, 0.9))
    lines = [false_alarms(kind, *cell) for kind in KINDS_OF_ROWS for cell in cells]
    print(f"\n\nwindows of 1,000 rows, nothing changed: share of {TESTS} whose accuracy raises an alert\n")
    print(table(("rows", "reference", "accuracy", "alert"), lines))
    assert [line for line in lines if line[-1] * TESTS > at_most(0.03, TESTS)] == []


def dropped(accuracy: float, n_reference: int) -> tuple[Any, ...]:
    """Return a line of the table: how often a concept shift of five points is seen, on answers and labels alone."""
    rng, seen = np.random.default_rng(n_reference), 0
    kept = ["label", "prediction", *SCORES.values()]
    for _ in range(SIMULATIONS):
        reference, log = stream(n_reference, rng, accuracy=accuracy), stream(1000, rng, accuracy=accuracy, drop=0.05)
        alerts = watched(reference[kept], log[kept]).alerts
        seen += any(alert.metric == "accuracy" and alert.outcome is Outcome.FAIL for alert in alerts)
    return (f"{accuracy:.2f} → {accuracy - 0.05:.2f}", n_reference, seen / SIMULATIONS)


def test_a_drop_of_five_points_on_a_thousand_labelled_rows_is_seen() -> None:
    lines = [dropped(*kind) for kind in DROPS]
    print(f"\n\nshare of {SIMULATIONS} windows of 1,000 labelled rows, 5 points worse, that raise an alert\n")
    print(table(("accuracy", "labelled rows of the reference", "seen"), lines))
    assert all(seen >= 0.9 for drop, n, seen in lines if n >= 4000 or (n >= 2000 and drop.startswith("0.90")))


@pytest.mark.parametrize("customers", [0, 200])
def test_the_estimate_without_labels_covers_the_true_accuracy(customers: int) -> None:
    lines, low = [], []
    shapes = {"as the reference": {}, "5 points harder": {"harder": 0.05}, "5 points easier": {"harder": -0.05}}
    for bent in (False, True):
        for n_reference in (500, 2000):
            for n in (100, 1000, 10_000):
                for name, shift in shapes.items():
                    share, bias, width = coverage(n_reference, n, customers, bent=bent, **shift)
                    curve = "no logistic curve" if bent else "logistic"
                    lines.append((curve, n_reference, n, name, share, f"{100 * bias:+.1f}", f"{100 * width:.1f}"))
                    if share < 0.9 and (not bent or not shift):
                        low.append(lines[-1])
    header = ("calibration", "reference", "window", "texts", "covered", "bias, points", "width, points")
    print(f"\n\nCBPE, {customers or 'no'} customers: share of {SIMULATIONS} windows whose true accuracy is covered\n")
    print(table(header, lines))
    assert low == []


def test_where_labels_change_and_texts_do_not_the_estimate_sees_nothing() -> None:
    lines = []
    for drop in (0.0, 0.02, 0.05, 0.10):
        share, bias, _ = coverage(2000, 3000, 0, drop=drop)
        lines.append((f"{100 * drop:.0f}", share, f"{100 * bias:+.1f}"))
    print(f"\n\nCBPE under concept shift: share of {SIMULATIONS} windows whose true accuracy is covered\n")
    print(table(("true drop, points", "covered", "bias, points"), lines))
    assert lines[0][1] > 0.9
    assert lines[-1][1] < 0.1


def coverage(n_reference: int, n: int, customers: int, **shift: Any) -> tuple[float, float, float]:
    """Return how often the true accuracy of a window is covered, the mean error of the estimate, and its width."""
    rng, hits, errors, widths = np.random.default_rng([n_reference, n]), 0, [], []
    bent = {"bent": shift.get("bent", False)}
    n_own = max(customers * n // n_reference, 20) if customers else 0
    for _ in range(SIMULATIONS):
        reference, window = answered(n_reference, rng, customers=customers, **bent), answered(
            n, rng, customers=n_own, **shift
        )  # fmt: skip
        clusters = reference.who if customers else None
        calibrator = calibrate(reference.sure, reference.right.astype(float), clusters=clusters)
        assert calibrator is not None
        found = estimated_accuracy(calibrator, window.sure, clusters=window.who if customers else None)
        true = window.right.mean()
        hits += found.lower <= true <= found.upper
        errors.append(found.value - true)
        widths.append(found.upper - found.lower)
    return hits / SIMULATIONS, float(np.mean(errors)), float(np.mean(widths))


def test_a_year_of_two_hundred_thousand_rows_takes_seconds() -> None:
    rng = np.random.default_rng(0)
    log = stream(200_000, rng, labelled=0.2)
    log["at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 365 * 86_400, len(log))), unit="s")
    for name in ("region", "device"):
        log[name] = rng.choice(list("abcdef"), len(log))
    start = time.perf_counter()
    found = ep.monitor(
        log, time="at", reference=3, scores=SCORES, slices=[*SLICES, "region", "device"], cluster="customer"
    )  # fmt: skip
    taken = time.perf_counter() - start
    print(f"\n\n200,000 rows, {len(found.windows)} windows after 3, 5 slice columns, texts, clusters: {taken:.1f} s")
    assert len(found.windows) == 9
    assert taken < LIMIT_S
