"""Do the 95 % intervals of the metrics of probabilities hold the truth 95 times in 100?

The model is overconfident; its true figures are those of two million rows. All simulations are the slices of one data
set. ``pytest -m benchmark -s tests/benchmarks/test_score_coverage.py`` prints the table of docs/statistics.md.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlflow_evalplus.core import scores
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.score_metrics import estimate_scores
from tests.benchmarks.populations import CLASS_SHARES, LABELS, SPREAD, customers_of, encoded, simulated, table

pytestmark = pytest.mark.benchmark
KINDS = ("independent", "clustered", "weighted")
SIZES = (50, 100, 300, 1000)
ROWS = 1_000_000
MAX_SIMULATIONS = 4_000
TRUE_ROWS = 2_000_000
METRICS = ("log_loss", "brier", "top_2_accuracy", "ece", "roc_auc[a]", "roc_auc[c]")
SIGNAL, SURENESS = 1.8, 1.5  # of the logit of the label; by which all logits are too large
MIN_OF_CLASS = 5
LOW = 0.91


def draw(kind: str, name: str, sims: int, n: int, rng: np.random.Generator) -> Predictions:
    """Return the rows of all simulations, each a slice; a customer's rows share half of their noise."""
    label = rng.choice(3, (sims, n), p=CLASS_SHARES[name])
    noise, columns = rng.normal(size=(sims, n, 3)), {}
    if kind == "clustered":
        customers = customers_of(sims, n, rng)
        shared = np.take_along_axis(rng.normal(size=(sims, n, 3)), customers[:, :, None], axis=1)
        noise, columns = (noise + shared) / np.sqrt(2), {"cluster": encoded(customers, n)}
    if kind == "weighted":
        columns = {"weight": pa.array(rng.lognormal(0, SPREAD, (sims, n)).ravel())}
    odds = np.exp(SURENESS * (SIGNAL * np.eye(3)[label] + noise)).reshape(-1, 3)
    shares = odds / odds.sum(axis=1, keepdims=True)
    columns |= {f"score.{own}": pa.array(shares[:, i]) for i, own in enumerate(LABELS)}
    answers = {"label": encoded(label, 0, LABELS), "prediction": encoded(shares.argmax(axis=1), 0, LABELS)}
    return simulated(answers | columns, sims, n)


@pytest.mark.parametrize("name", list(CLASS_SHARES))
def test_intervals_of_the_metrics_of_probabilities(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "EXACT_ROWS", 10 * TRUE_ROWS)
    found = {}
    truth = covered(draw("independent", name, 1, TRUE_ROWS, np.random.default_rng(0)), None)
    for kind in KINDS:
        for n in SIZES:
            sims = min(MAX_SIMULATIONS, ROWS // n)
            rng = np.random.default_rng([n, KINDS.index(kind), len(name)])
            found[kind, n] = covered(draw(kind, name, sims, n, rng), truth)
    print(f"\n{name}, true figures {', '.join(f'{metric} {truth[metric]:.3f}' for metric in METRICS)}\n")
    print(table(["rows", "n", *METRICS], [[kind, n, *shares.values()] for (kind, n), shares in found.items()]))
    for (kind, n), shares in found.items():
        for metric, share in shares.items():
            assert share > LOW or (metric == "ece" and n < 300), (kind, n, metric, share)


def covered(rows: Predictions, truth: dict[str, float] | None) -> dict[str, float]:
    """Return each metric's coverage over simulations with 5 rows of every class; its value where no truth is given."""
    counts = count(rows)
    margin = counts.margins["simulation",]
    scored = scores.of_predictions(rows)
    assert scored
    estimates = {name: estimates for name, estimates in estimate_scores(scored, margin).items() if name in METRICS}
    if truth is None:
        return {name: float(estimate.value[0]) for name, estimate in estimates.items()}
    enough = counts.matrices(margin.rows).sum(axis=2).min(axis=1) >= MIN_OF_CLASS
    return {
        name: float(((e.lower <= truth[name]) & (truth[name] <= e.upper))[enough].mean())
        for name, e in estimates.items()
    }
