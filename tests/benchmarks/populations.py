"""Rows drawn from populations whose cell shares are known, and tables in the Markdown of docs/statistics.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from scipy import stats

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.evaluation import evaluate_predictions
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Comparison

LABELS = ("a", "b", "c")
SMALLEST = "c"
CLASS_SHARES = {"balanced": np.array([1, 1, 1]) / 3, "skewed": np.array([0.7, 0.2, 0.1])}
RECALLS = np.array([0.85, 0.75, 0.7])
WRONG = np.array([[0, 0.6, 0.4], [0.5, 0, 0.5], [0.3, 0.7, 0]])  # label → share of each wrong prediction
KINDS = ("independent", "clustered", "weighted", "weighted, tied")
SAME_LABEL = 0.3  # share of a customer's rows that have the customer's own label
LUCK = 1.0  # standard deviation of a customer's luck, against 1 of a row's
MAX_CUSTOMER_ROWS = 5
SPREAD = 0.5  # standard deviation of a weight's logarithm
TIED = np.log(1.5)  # a wrong row's weight against a right one's, where weights are tied to the outcome


def population(shares: np.ndarray, recalls: np.ndarray = RECALLS) -> np.ndarray:
    """Return the true cell shares [labels, predictions] of three classes, or of two."""
    cells = (shares * (1 - recalls))[:, None] * (WRONG if len(shares) == 3 else 1 - np.eye(2))
    cells[np.diag_indices(len(shares))] = shares * recalls
    return cells


def draw(
    kind: str, shares: np.ndarray, sims: int, n: int, rng: np.random.Generator, recalls: np.ndarray = RECALLS
) -> Predictions:
    """Return the rows of all simulations, each a slice."""
    if kind == "clustered":
        label, prediction, columns = _clustered(shares, (sims, n), rng)
    else:
        label, prediction, columns = _weighted(kind, population(shares, recalls), (sims, n), rng)
    labels = LABELS[: len(shares)]
    answers = {"label": encoded(label, 0, labels), "prediction": encoded(prediction, 0, labels)}
    return simulated(answers | columns, sims, n)


def agreeing(shares: np.ndarray, agree: float) -> np.ndarray:
    """Return cells [labels, A, B]: B answers as A does, or as if it had not seen A's answer."""
    cells = population(shares)
    alone = cells[:, :, None] * cells[:, None, :] / shares[:, None, None]
    return agree * cells[:, :, None] * np.eye(3) + (1 - agree) * alone


def true_difference(name: str, cells: np.ndarray) -> float:
    formula = metrics.OVERALL[name].formula
    return float(formula(cells.sum(axis=2)[None])[0][0] - formula(cells.sum(axis=1)[None])[0][0])


def paired_simulations(drawn: np.ndarray, shape: tuple[int, ...]) -> Comparison:
    """Return the comparison whose slices are the simulations: `drawn` holds cells of (label, A, B), [sims, n]."""
    sims, n = drawn.shape
    label, a, b = np.unravel_index(drawn, shape)
    ids = {"example_id": pa.array(np.arange(drawn.size)).cast(pa.string())}
    sides = []
    for answer in (a, b):
        rows = simulated(ids | {"label": encoded(label, 0, LABELS), "prediction": encoded(answer, 0, LABELS)}, sims, n)
        sides.append(evaluate_predictions(rows, Requirements(), slices=()))
    return compare_evaluations(*sides)


def simulated(columns: dict[str, pa.Array], sims: int, n: int) -> Predictions:
    """Return rows of which each `n` are one simulation."""
    columns = columns | {"slice.simulation": encoded(np.repeat(np.arange(sims), n), sims)}
    return Predictions(pa.table(columns).combine_chunks(), tuple(columns["label"].dictionary.to_pylist()))


def encoded(codes: np.ndarray, n: int, values: Sequence[str] = ()) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.ravel().astype(np.int32), list(values) or [str(i) for i in range(n)])


def cells_of(rows: Predictions) -> np.ndarray:
    return rows.codes("label")[0] * len(rows.labels) + rows.codes("prediction")[0]


def _weighted(
    kind: str, cells: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, pa.Array]]:
    """Rows with weight w are drawn with a probability ∝ 1 / w, so that their weighted shares are the population's.

    A lognormal weight (μ, σ) drawn so is lognormal with μ - σ², and a cell is drawn ∝ its share / exp(μ).
    """
    means = np.where(np.eye(len(cells)), 0.0, TIED if kind == "weighted, tied" else 0.0)
    odds = cells / np.exp(means)
    cell = rng.choice(cells.size, size, p=(odds / odds.sum()).ravel())
    label, prediction = np.divmod(cell, len(cells))
    if kind == "independent":
        return label, prediction, {}
    weights = rng.lognormal(means.ravel()[cell] - SPREAD**2, SPREAD)
    return label, prediction, {"weight": pa.array(weights.ravel())}


def _clustered(
    shares: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, pa.Array]]:
    """A customer shares label and luck between rows.

    A row is right where its luck and its customer's stay below the quantile that leaves the recall as it is.
    """
    customers = customers_of(*size, rng)
    own, luck = rng.choice(3, size, p=shares), rng.normal(0, LUCK, size)
    label = rng.choice(3, size, p=shares)
    label = np.where(rng.random(size) < SAME_LABEL, np.take_along_axis(own, customers, axis=1), label)
    luck = (rng.normal(size=size) + np.take_along_axis(luck, customers, axis=1)) / np.sqrt(1 + LUCK**2)
    wrong = (rng.random((*size, 1)) > WRONG.cumsum(axis=1)[label]).sum(axis=2)
    prediction = np.where(luck < stats.norm.ppf(RECALLS)[label], label, wrong)
    return label, prediction, {"cluster": encoded(customers, size[1])}


def customers_of(sims: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return each row's customer, [sims, n]: 1 to 5 rows each, numbered from 0 in every simulation."""
    sizes = rng.integers(1, MAX_CUSTOMER_ROWS + 1, (sims, n))
    starts = np.zeros((sims, n + MAX_CUSTOMER_ROWS), dtype=np.int64)
    ends = np.minimum(sizes.cumsum(axis=1), n)
    np.put_along_axis(starts, ends, 1, axis=1)
    return starts[:, :n].cumsum(axis=1)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table: shares with three digits, numbers with thousands marks."""
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in [header, ["---"] * len(header), *rows])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
