"""How often is a difference, a passed margin or a weak slice wrong? Simulated with models that are known.

``pytest -m benchmark -s tests/benchmarks/test_error_rates.py`` prints the tables of docs/statistics.md.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlflow_evalplus.core.evaluation import evaluate_predictions
from mlflow_evalplus.core.intervals import MIN_CLASS_ROWS
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.requirements import Requirements
from tests.benchmarks.populations import (
    CLASS_SHARES,
    LABELS,
    WRONG,
    agreeing,
    customers_of,
    encoded,
    paired_simulations,
    table,
    true_difference,
)

pytestmark = pytest.mark.benchmark
SIZES = (50, 100, 300, 1000)
ROWS = 2_000_000  # of one population, over all simulations
MAX_SIMULATIONS = 10_000
COMPARED = ("accuracy", "f1_macro", "cohen_kappa")
MARGIN = 0.03
DISCORDANT = (0.03, 0.05, 0.1, 0.2)  # share of the rows that one model gets right and the other wrong
BOTH_WRONG = 0.1
LOW = 0.93
MAX_FALSE_PASSES = {50: 0.055, 100: 0.04, 300: 0.04, 1000: 0.04}  # nominal 0.025


def worse(shares: np.ndarray, discordant: float) -> np.ndarray:
    """Return cells [labels, A, B] where A is right less often than B by `MARGIN`."""
    right = np.eye(3)
    lost, won = (discordant + MARGIN) / 2, (discordant - MARGIN) / 2
    cells = (1 - discordant - BOTH_WRONG) * right[:, :, None] * right[:, None, :]
    cells = cells + lost * WRONG[:, :, None] * right[:, None, :] + won * right[:, :, None] * WRONG[:, None, :]
    return shares[:, None, None] * (cells + BOTH_WRONG * WRONG[:, :, None] * right)


def compared(cells: np.ndarray, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the bounds [simulations, 2] of each metric's difference, and the counts [simulations, *cells]."""
    sims = min(MAX_SIMULATIONS, ROWS // n)
    drawn = np.random.default_rng(n).choice(cells.size, (sims, n), p=cells.ravel())
    bounds = {name: np.zeros((sims, 2)) for name in COMPARED}
    for found in paired_simulations(drawn, cells.shape).slices:
        for name, array in bounds.items():
            array[int(found.values[0])] = found.metrics[name].lower, found.metrics[name].upper
    keys = np.arange(sims)[:, None] * cells.size + drawn
    return bounds, np.bincount(keys.ravel(), minlength=sims * cells.size).reshape(sims, *cells.shape)


def wald(counts: np.ndarray) -> np.ndarray:
    """Return the lower bound of the difference of accuracy that takes the sample's variance for the truth's."""
    n = counts.sum(axis=(1, 2, 3))
    right = np.eye(3)
    a, b = ((counts * side).sum(axis=(1, 2, 3)) / n for side in (right[:, :, None], right[:, None, :]))
    both = (counts * right[:, :, None] * right[:, None, :]).sum(axis=(1, 2, 3)) / n
    return a - b - 1.959964 * np.sqrt(np.maximum(a + b - 2 * both - (a - b) ** 2, 0) / n)


def test_intervals_of_paired_differences_cover_the_truth() -> None:
    lines, short = [], []
    for agree in (0.85, 0.95):
        for name, shares in CLASS_SHARES.items():
            cells = agreeing(shares, agree)
            for n in SIZES:
                bounds, counts = compared(cells, n)
                enough = counts.sum(axis=(2, 3)).min(axis=1) >= MIN_CLASS_ROWS
                line: list[object] = [f"{agree:.0%}", name, n]
                for metric, (lower, upper) in ((key, array[enough].T) for key, array in bounds.items()):
                    truth = true_difference(metric, cells)
                    covered = ((lower <= truth) & (truth <= upper)).mean()
                    line.append(f"{covered:.3f} ({(upper - lower).mean():.3f})")
                    short += [(agree, name, n, metric, covered)] if covered < LOW else []
                lines.append(line)
    print("\n\n" + table(("answered alike", "classes", "n", *COMPARED), lines))
    assert not short


def test_a_worse_model_seldom_passes_the_margin() -> None:
    lines, high = [], []
    for discordant in DISCORDANT:
        cells = worse(CLASS_SHARES["skewed"], discordant)
        assert true_difference("accuracy", cells) == pytest.approx(-MARGIN)
        for n in SIZES:
            bounds, counts = compared(cells, n)
            passes = {name: (array[:, 0] >= true_difference(name, cells)).mean() for name, array in bounds.items()}
            high += [(discordant, n, name, share) for name, share in passes.items() if share > MAX_FALSE_PASSES[n]]
            plain = (wald(counts) >= -MARGIN).mean()
            lines.append((f"{discordant:.0%}", n, *(f"{100 * share:.1f}" for share in (*passes.values(), plain))))
    print("\n\n" + table(("discordant", "n", *COMPARED, "accuracy, plain Wald"), lines))
    assert not high


N_ROWS = 2_000
CARDINALITIES = (3, 4, 5)  # of three slice columns: 12 slices, and 47 of two columns
DATA_SETS = 400
PLANTED = "s0=0"
NAMES = ("independent", "clustered")
MAX_FALSE_FLAGS = 0.065  # nominal 0.05
GAP = 0.12  # by which the rows of one planted value are answered worse


def data_set(seed: int, gap: float, clustered: bool) -> Predictions:
    """Return rows that are right 85 times in 100, whatever their slice, but for the first value of the first column."""
    rng = np.random.default_rng(seed)
    slices = [rng.integers(0, size, N_ROWS) for size in CARDINALITIES]
    luck, columns = rng.normal(size=N_ROWS), {}
    if clustered:
        customers = customers_of(1, N_ROWS, rng)[0]
        luck = (luck + rng.normal(size=N_ROWS)[customers]) / np.sqrt(2)
        slices[-1] = rng.integers(0, CARDINALITIES[-1], N_ROWS)[customers]  # a property of the customer
        columns["cluster"] = encoded(customers, N_ROWS)
    threshold = np.quantile(luck, 0.85 - gap * (slices[0] == 0) if gap else 0.85)
    label = rng.choice(3, N_ROWS, p=CLASS_SHARES["skewed"])
    prediction = np.where(luck < threshold, label, (label + 1) % 3)
    columns |= {"label": encoded(label, 0, LABELS), "prediction": encoded(prediction, 0, LABELS)}
    columns |= {
        f"slice.s{i}": encoded(codes, size) for i, (codes, size) in enumerate(zip(slices, CARDINALITIES, strict=True))
    }
    return Predictions(pa.table(columns).combine_chunks(), LABELS)


def test_slices_are_seldom_called_weak_that_are_not() -> None:
    lines = []
    for clustered in (False, True):
        for gap in (0.0, GAP):
            weak = [weak_slices(data_set(seed, gap, clustered)) for seed in range(DATA_SETS)]
            right = [[gap > 0 and name.startswith(PLANTED) for name in names] for names in weak]
            wrong = [len(flags) - sum(flags) for flags in right]
            share = np.mean([count / max(len(flags), 1) for count, flags in zip(wrong, right, strict=True)])
            found = f"{np.mean([PLANTED in names for names in weak]):.3f}" if gap else "–"
            lines.append((NAMES[clustered], f"{gap:.0%}", float(np.mean(np.array(wrong) > 0)), float(share), found))
    print(
        "\n\n" + table(("rows", "planted gap", "any false flag", "false share of flags", "planted slice found"), lines)
    )
    assert all(share <= MAX_FALSE_FLAGS for *_, share, _ in lines)


def weak_slices(rows: Predictions) -> list[str]:
    return [row.name for row in evaluate_predictions(rows, Requirements()).slices.rows if row.weak]
