"""Do the 95 % intervals hold the truth 95 times in 100, and are they as narrow as a bootstrap's?

Simulated over populations whose cell shares are known. All simulations of one population are the slices of one data
set, so they run through the package's own counting and estimation at once.
``pytest -m benchmark -s tests/benchmarks/test_coverage.py`` prints the tables of docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.counts import Counts, Margin, count
from mlflow_evalplus.core.intervals import MIN_CLASS_ROWS, estimate, influence
from mlflow_evalplus.core.metrics import Metric
from mlflow_evalplus.core.predictions import Predictions
from tests.benchmarks.populations import (
    CLASS_SHARES,
    KINDS,
    LABELS,
    RECALLS,
    SMALLEST,
    cells_of,
    draw,
    population,
    table,
)

pytestmark = pytest.mark.benchmark
SIZES = (50, 100, 300, 1000)
ROWS = 4_000_000  # of one population, over all simulations
MAX_SIMULATIONS = 20_000
LOW, HIGH = 0.93, 0.97
FEW_ROWS = 20  # of a class, below which its own metrics may be covered more often
CHOSEN = metrics.OVERALL | {
    name: metrics.of_classes(LABELS)[name] for name in (f"recall[{SMALLEST}]", f"f1[{SMALLEST}]")
}
RESAMPLED = ("accuracy", "f1_macro", "balanced_accuracy")
RESAMPLES = 999
BOOTSTRAPPED = {50: 1_500, 100: 1_000, 300: 500}  # rows → simulations


def simulate(
    kind: str, shares: np.ndarray, n: int, sims: int = MAX_SIMULATIONS, recalls: np.ndarray = RECALLS
) -> tuple[Predictions, Counts, Margin, np.ndarray]:
    """Return rows, counts, the margin of the simulations, and which of them have enough rows of every class."""
    rng = np.random.default_rng([n, KINDS.index(kind), int(1000 * shares[0])])
    rows = draw(kind, shares, min(sims, ROWS // n), n, rng, recalls)
    counts = count(rows)
    margin = counts.margins["simulation",]
    return rows, counts, margin, counts.matrices(margin.rows).sum(axis=2).min(axis=1) >= MIN_CLASS_ROWS


def truth_of(metric: Metric, cells: np.ndarray) -> float:
    return float(metric.formula(cells[None])[0][0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulated_populations_have_the_shares_they_claim(kind: str) -> None:
    """The oracle of the coverage below: rows drawn with clusters or weights have the population's cell shares."""
    for shares in CLASS_SHARES.values():
        counts = count(draw(kind, shares, 4_000, 100, np.random.default_rng(0)), [])
        np.testing.assert_allclose(counts.matrices(counts.overall.shares)[0], population(shares), atol=0.004)


@pytest.mark.parametrize("kind", KINDS)
def test_the_95_percent_intervals_cover_93_to_97_percent(kind: str) -> None:
    lines, outside = [], []
    for name, shares in CLASS_SHARES.items():
        for n in SIZES:
            _, counts, margin, enough = simulate(kind, shares, n)
            found = {}
            for metric in CHOSEN.values():
                truth, estimates = truth_of(metric, population(shares)), estimate(metric, counts, margin)
                found[metric.name] = float(((estimates.lower <= truth) & (truth <= estimates.upper))[enough].mean())
                # Wilson's steps, and the allowance for few customers, are coarse where a class has few rows
                few = metric.name not in metrics.OVERALL and n * shares[-1] < FEW_ROWS
                high = 1 if few else HIGH
                if not LOW <= found[metric.name] <= high:
                    outside.append(f"{name} {n} {metric.name} {found[metric.name]:.4f}")
            lines.append((name, n, int(enough.sum()), *found.values()))
            assert enough.sum() > 2_000
    print(f"\n\n{kind}\n\n" + table(("classes", "n", "simulations", *CHOSEN), lines))
    assert not outside, "coverage of the nominal 95 % out of 93 to 97 %:\n" + "\n".join(outside)


def test_the_intervals_are_no_worse_than_a_bootstrap() -> None:
    """Coverage and mean width of skewed classes: ours, percentile, BCa."""
    methods = ("ours", "percentile", "BCa")
    lines, shares = [], CLASS_SHARES["skewed"]
    for kind in KINDS:
        for n, sims in BOOTSTRAPPED.items():
            rows, counts, margin, enough = simulate(kind, shares, n, sims)
            resampled = np.array(list(bootstraps(kind, rows, n, enough)))  # [simulations, metrics, methods, bounds]
            line: list[object] = [kind, n]
            for place, name in enumerate(RESAMPLED):
                metric = metrics.OVERALL[name]
                truth, ours = truth_of(metric, population(shares)), estimate(metric, counts, margin)
                bounds = np.stack([ours.lower, ours.upper], axis=1)[enough, None]
                bounds = np.concatenate([bounds, resampled[:, place]], axis=1)
                covered = ((bounds[..., 0] <= truth) & (truth <= bounds[..., 1])).mean(axis=0)
                width = (bounds[..., 1] - bounds[..., 0]).mean(axis=0)
                line += [f"{share:.3f} ({wide:.3f})" for share, wide in zip(covered, width, strict=True)]
                off = np.abs(covered - 0.95)
                assert off[0] <= off[1:].min() + 0.02, (kind, n, name, covered)
            lines.append(line)
    print("\n\n" + table(("rows", "n", *(f"{name}, {method}" for name in RESAMPLED for method in methods)), lines))


def bootstraps(kind: str, rows: Predictions, n: int, enough: np.ndarray) -> Iterator[np.ndarray]:
    """Yield [metrics, methods, bounds] of each simulation: rows, or customers, drawn with replacement."""
    rng = np.random.default_rng(n)
    cells = cells_of(rows).reshape(-1, n)
    weights = (
        np.ones(cells.shape) if kind != "weighted" and "tied" not in kind else rows.floats("weight").reshape(-1, n)
    )
    units = rows.codes("cluster")[0].reshape(-1, n) if kind == "clustered" else np.tile(np.arange(n), (len(cells), 1))
    for i in np.flatnonzero(enough):
        size = units[i].max() + 1
        masses = np.bincount(units[i] * 9 + cells[i], weights[i], size * 9).reshape(size, 9)
        drawn = rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) @ masses
        shares = (drawn / drawn.sum(axis=1, keepdims=True)).reshape(-1, 3, 3)
        yield np.array([bounds_of(metrics.OVERALL[name], masses, shares) for name in RESAMPLED])


def bounds_of(metric: Metric, masses: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the percentile and the BCa interval (Efron, *JASA* 82, 1987) with influences in place of a jackknife."""
    value, psi = influence(metric, masses.sum(axis=0).reshape(1, 3, 3) / masses.sum())
    values = np.sort(metric.formula(shares)[0])
    pull = masses @ psi.ravel()
    skewness = (pull**3).sum() / max(6 * (pull**2).sum() ** 1.5, 1e-300)
    below = ((values < value - 1e-12).sum() + (values <= value + 1e-12).sum()) / 2
    bias = stats.norm.ppf(np.clip(below / len(values), 1 / (2 * len(values)), 1 - 1 / (2 * len(values))))
    z = bias + stats.norm.ppf([0.025, 0.975])
    levels = stats.norm.cdf(bias + z / (1 - skewness * z))
    return np.quantile(values, [[0.025, 0.975], levels])


def test_what_smoothing_and_the_flag_are_for() -> None:
    """Means over classes without and with smoothed counts, and where `small_support` warns: 90 / 10 %, recalls 0.95."""
    shares, recalls, lines = np.array([0.9, 0.1]), np.array([0.95, 0.95]), []
    for n in SIZES:
        _, counts, margin, _ = simulate("independent", shares, n, recalls=recalls)
        both = counts.matrices(margin.rows).sum(axis=2).min(axis=1) > 0
        line: list[object] = [n]
        for name in ("balanced_accuracy", "f1_macro"):
            truth = truth_of(metrics.OVERALL[name], population(shares, recalls))
            for smooth in (False, True):
                found = estimate(replace(metrics.OVERALL[name], smooth=smooth), counts, margin)
                inside = (found.lower <= truth) & (truth <= found.upper)
                line.append(float(inside[both].mean()))
            flagged = both & found.small_support
            line.append(float(inside[flagged].mean()) if flagged.sum() > 200 else "–")
        lines.append([*line, f"{found.small_support.mean():.0%}"])
    header = [f"{name}{what}" for name in ("balanced_accuracy", "f1_macro") for what in (", unsmoothed", "", " if °")]
    print("\n\n" + table(("n", *header, "flagged °"), lines))
