"""Paired comparisons against a bootstrap, over simulations, and against the clock.

``pytest -m benchmark -s tests/benchmarks/test_compare.py`` prints the tables of docs/decision.md.
"""

from __future__ import annotations

import csv
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.choice import choose
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.family import family
from mlflow_evalplus.core.intervals import influence
from mlflow_evalplus.results import Evaluation
from tests.benchmarks.populations import CLASS_SHARES, agreeing, paired_simulations, population, table, true_difference
from tests.benchmarks.timing import seconds
from tests.conftest import REAL_DATA

pytestmark = pytest.mark.benchmark
TESTED = ("accuracy", "f1_macro")
RESAMPLES = 10_000
SIMULATIONS = 2_000
ROWS = [int(float(n)) for n in os.environ.get("EVALPLUS_ROWS", "1e5,1e6").split(",")]
LIMITS_S = {100_000: 3.0, 1_000_000: 15.0}


def sst2() -> pd.DataFrame:
    folder = REAL_DATA / "sst2_outputs"
    frame = pd.read_csv(folder / "sst2-dataset.tsv", sep="\t", names=["text", "label"], quoting=csv.QUOTE_NONE)
    for name, file in (("A", "sst2-lstm-output.txt"), ("B", "sst2-cnn-output.txt")):
        frame[name] = (folder / file).read_text(encoding="utf-8").split()
    return frame


def tweets() -> pd.DataFrame:
    """Return the published answers on the test tweets, and the same with a third of the errors mended at random."""
    frame = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv")
    frame = frame[frame["split"] == "test"].reset_index(drop=True)
    rng = np.random.default_rng(0)
    mended = (frame["published_prediction"] != frame["label"]) & (rng.random(len(frame)) < 1 / 3)
    return frame.assign(B=frame["published_prediction"], A=frame["published_prediction"].mask(mended, frame["label"]))


def drawn(cells: np.ndarray, n: int, seed: int = 0) -> pd.DataFrame:
    rows = np.random.default_rng(seed).choice(cells.size, n, p=cells.ravel())
    label, a, b = (np.array(list("abc"))[codes] for codes in np.unravel_index(rows, cells.shape))
    return pd.DataFrame({"label": label, "A": a, "B": b})


def bootstrap(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return 10,000 differences of each metric over resampled pairs, from the counts of (label, A, B)."""
    names = sorted(set(frame["label"]) | set(frame["A"]) | set(frame["B"]))
    codes = [np.searchsorted(names, frame[column]) for column in ("label", "A", "B")]
    k, n = len(names), len(frame)
    counts = np.bincount(np.ravel_multi_index(codes, (k, k, k)), minlength=k**3)
    shares = np.random.default_rng(1).multinomial(n, counts / n, RESAMPLES).reshape(-1, k, k, k) / n
    formulas = {name: metrics.OVERALL[name].formula for name in TESTED}
    return {name: f(shares.sum(axis=3))[0] - f(shares.sum(axis=2))[0] for name, f in formulas.items()}


def test_intervals_are_those_of_a_paired_bootstrap_and_wider_where_rows_are_few() -> None:
    """A bootstrap of few rows is too narrow: a model 3 points worse passed a margin of 3 points by it too often."""
    sources = {
        f"{name}, {n:,} rows": drawn(agreeing(shares, 0.85), n)
        for name, shares in CLASS_SHARES.items()
        for n in (500, 2_000, 10_000)
    }
    if REAL_DATA.is_dir():
        sources |= {"SST-2, two systems": sst2(), "XLM-T tweets, a third of the errors mended": tweets()}
    lines, off = [], []
    for source, frame in sources.items():
        found = compare_evaluations(*(evaluate(frame, prediction=model) for model in "AB")).metrics
        for name, draws in bootstrap(frame).items():
            lower, upper = np.quantile(draws, [0.025, 0.975])
            width = (found[name].upper - found[name].lower) / (upper - lower)
            standardised = found[name].effect_size * np.sqrt(len(frame))  # the difference in standard errors
            error = found[name].value / standardised / draws.std() if standardised else 1.0
            most = 1.03 if len(frame) >= 10_000 else 1.1
            off += [(source, name, error, width)] if abs(error - 1) > 0.03 or not 0.97 < width < most else []
            lines.append((source, f"{len(frame):,}", name, f"{found[name].value:+.4f}", float(error), float(width)))
    header = ("rows", "n", "metric", "difference", "standard error / bootstrap's", "width / bootstrap's")
    print("\n\n" + table(header, lines))
    assert not off


def rejected(cells: np.ndarray, n: int) -> dict[str, float]:
    """Return how often each test finds a difference at 5 %."""
    draws = np.random.default_rng(n).choice(cells.size, (SIMULATIONS, n), p=cells.ravel())
    slices = paired_simulations(draws, cells.shape).slices
    found = {name: np.mean([row.metrics[name].p_value < 0.05 for row in slices]) for name in TESTED}
    return {name: float(share) for name, share in found.items()}


def predicted(cells: np.ndarray, n: int, name: str) -> float:
    """Return the power of a two-sided test at 5 % whose statistic is normal around the true difference."""
    metric = metrics.OVERALL[name]
    psi = (influence(metric, cells.sum(axis=2)[None])[1][0][:, :, None]
           - influence(metric, cells.sum(axis=1)[None])[1][0][:, None, :])  # fmt: skip
    shift = abs(true_difference(name, cells)) / np.sqrt((cells * psi**2).sum() / n)
    return float(stats.norm.cdf(shift - 1.96) + stats.norm.cdf(-shift - 1.96))


def better(shares: np.ndarray, gain: float) -> np.ndarray:
    """Return cells where A answers like B, but mends a share of B's errors and breaks a fifth as many right answers."""
    cells = population(shares)
    right = np.eye(3)
    of_b = cells[:, None, :] * right[:, :, None] * gain + cells[:, None, :] * np.eye(3) * (1 - gain)
    hit = (cells * right).sum(axis=1)[:, None, None] * right[:, None, :] * right[:, :, None]
    lost = gain / 5 * hit[:, :, :] * 0.2
    wrong = (1 - right)[:, :, None] * right[:, None, :] / 2
    return of_b - lost + wrong * lost.sum(axis=(1, 2))[:, None, None]


def test_type_1_error_and_power_are_as_predicted() -> None:
    lines, off = [], []
    for name, shares in CLASS_SHARES.items():
        for n in (300, 1000):
            null = rejected(agreeing(shares, 0.8), n)
            lines.append((name, n, "no difference", *(f"{null[key]:.3f}" for key in TESTED)))
            off += [(name, n, key, share) for key, share in null.items() if not 0.04 <= share <= 0.06]
            cells = better(shares, 0.15)
            power = rejected(cells, n)
            expected = {key: predicted(cells, n, key) for key in TESTED}
            lines.append((name, n, f"accuracy {true_difference('accuracy', cells):+.3f}",
                          *(f"{power[key]:.3f} ({expected[key]:.3f})" for key in TESTED)))  # fmt: skip
            off += [
                (name, n, key, power[key], expected[key]) for key in TESTED if abs(power[key] - expected[key]) > 0.05
            ]
    print(f"\n\n{SIMULATIONS:,} simulations: share of differences found at 5 %, and the power predicted\n")
    print(table(("classes", "n", "truth", *TESTED), lines))
    assert not off


@pytest.mark.parametrize("n", ROWS)
def test_four_runs_of_many_slices_are_compared_in_seconds(n: int) -> None:
    rng = np.random.default_rng(0)
    label = rng.choice(["a", "b", "c"], n)
    columns = [f"s{i}" for i in range(10)]
    frame = pd.DataFrame({"id": np.arange(n).astype(str)} | {column: rng.integers(0, 20, n) for column in columns})
    frame = frame.assign(label=label).astype(dict.fromkeys(columns, str))
    asked = {"thresholds": [{"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.01}]}
    runs: dict[str, Evaluation] = {}
    for number in range(4):
        frame["prediction"] = np.where(rng.random(n) < 0.8 + 0.03 * number, label, "a")
        runs[f"run {number}"] = evaluate(
            frame, slices=columns, intersections=1, example_id="id", requirements=asked, cluster=None
        )
    found: dict[str, int] = {}

    def all_of_it() -> None:
        base, *others = runs
        comparisons = {name: compare_evaluations(runs[name], runs[base]) for name in others}
        decided = {name: replace(e, verdict=decide(e, comparison=comparisons.get(name))) for name, e in runs.items()}
        choose(decided)
        family(decided, comparisons)
        found["slices"] = len(comparisons[others[0]].slices)

    taken = seconds(all_of_it)
    print(f"\n4 runs x {n:,} examples x {found['slices']} slices: {taken:.2f} s")
    assert found["slices"] == 200
    assert taken < LIMITS_S.get(n, float("inf"))
