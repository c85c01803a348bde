"""Accuracy against the number of training rows, with intervals, and carried on to more labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.core.learning import power_law
from mlflow_evalplus.core.learning.power_law import MIN_SIZES, PowerLaws
from mlflow_evalplus.core.learning.rows import from_accuracies, from_predictions
from mlflow_evalplus.core.learning.sizes import Sizes, of_answers
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Prices, Requirements
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.learning_curve import LearningCurve, LearningPoint, MoreLabels, PowerLaw

NEXT = 1000
DRAWS = 2000
FAR = 4  # times the training rows, beyond which the law is a guess
STEPS = 40  # of the curve in the picture
TINY = 1e-15

ONCE = (
    "{}, so what another draw of training rows would change is judged by how far the sizes lie off the law. Fit each "
    "size about 3 times."
)
FLAT = "Accuracy does not rise with the training rows: the law is flat, and only its upper bound says something."
GUESS = "{:,} training rows are {:.1f} times those at hand: beyond {} times, the law is a guess."
ONLY_TEST = "{}: the intervals know of other test rows, not of other training rows."
FROM_ACCURACIES = (
    "Accuracies alone do not tell how alike the models answer the test rows; correlations of 0.4 are assumed. Give "
    "the predictions for intervals that know."
)


def learning_curve(
    frame: Any,
    *,
    n_train: str = "n_train",
    repeat: str | None = None,
    label: str = "label",
    prediction: str = "prediction",
    example_id: str = "example_id",
    accuracy: str | None = None,
    n_test: int | None = None,
    cluster: str | None = None,
    more: int = NEXT,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
    confidence: float | None = None,
    rng: np.random.Generator | None = None,
) -> LearningCurve:
    """Estimate what more labels would buy, from models that were fitted on subsets of the training rows.

    Parameters
    ----------
    frame : pandas, Polars, PyArrow, DuckDB, PySpark … data frame
        The predictions of all models beneath each other: one row per model and test example. With `accuracy` one row
        per model.
    n_train : str
        Column of the number of training rows of the model.
    repeat : str, optional
        Column that tells models of one size apart; the same value at several sizes means that the smaller training set
        is part of the larger. By default models of one size are told apart by their order.
    label, prediction, example_id : str
        Columns of the gold answer, the model's, and of what names the test example. Every model answers the same ones.
    accuracy : str, optional
        Column of accuracies, where predictions are not at hand. Intervals are then approximate.
    n_test : int, optional
        Test rows behind each accuracy; needed with `accuracy`.
    cluster : str, optional
        Column whose rows are not independent, such as a customer.
    more : int
        Labels that might be bought.
    requirements : path, mapping or Requirements, optional
        Its ``prices.label`` prices them; its `confidence` is the default.
    confidence : float, optional
        Of every interval; 0.95 by default.
    rng : numpy.random.Generator, optional
        Seeded with 0 by default.

    Returns
    -------
    LearningCurve
        Its `sentence` answers; where there are fewer than 4 sizes it says so, and nothing is extrapolated.

    Raises
    ------
    DataError, ColumnNotFound
        A column is missing or does not hold what it must, models answered different examples, or all test rows are of
        one cluster.

    Examples
    --------
    >>> import pandas as pd
    >>> fits = pd.DataFrame({"n_train": [100, 200, 400, 800, 1600], "accuracy": [0.70, 0.76, 0.80, 0.83, 0.85]})
    >>> curve = learning_curve(fits, accuracy="accuracy", n_test=2000, requirements={"prices": {"label": 0.08}})
    >>> f"{curve.law.accuracy(3200):.2f}"
    '0.86'
    """
    wanted = asked.changed(asked.load(requirements), confidence=confidence)
    if accuracy is not None:
        sizes = from_accuracies(frame, n_train=n_train, repeat=repeat, accuracy=accuracy, n_test=n_test)
    else:
        columns = {"n_train": n_train, "example_id": example_id, "label": label, "prediction": prediction}
        sizes = from_predictions(frame, columns, repeat, cluster)
    notes = (FROM_ACCURACIES,) if accuracy is not None else ()
    return carried_on(sizes, more=more, prices=wanted.prices, confidence=wanted.confidence, rng=rng, notes=notes)


def curve_of(
    right: np.ndarray,
    n_train: Sequence[int],
    *,
    repeat: Sequence[int] | None = None,
    cluster: IntArray | None = None,
    more: int = NEXT,
    prices: Prices | None = None,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> LearningCurve:
    """Do the same with the answers at hand.

    Parameters
    ----------
    right : bool array, [models, test rows]
    n_train, repeat : sequence of int, [models]
        Models of one repeat learnt from nested subsets; by default models of one size are numbered in their order.
    cluster : int array, [test rows], optional
    more, prices, confidence, rng
        As above.

    Examples
    --------
    >>> right = np.random.default_rng(0).random((5, 800)) < np.array([[0.6], [0.7], [0.76], [0.8], [0.82]])
    >>> curve = curve_of(right, [100, 200, 400, 800, 1600])
    >>> [point.n_train for point in curve.points], [more.rows for more in curve.more]
    ([100, 200, 400, 800, 1600], [1000, 1600])
    """
    sizes = of_answers(np.asarray(right, dtype=bool), np.asarray(n_train), repeat, cluster)
    return carried_on(sizes, more=more, prices=prices or Prices(), confidence=confidence, rng=rng)


def carried_on(
    sizes: Sizes,
    *,
    more: int,
    prices: Prices,
    confidence: float,
    rng: np.random.Generator | None = None,
    notes: tuple[str, ...] = (),
) -> LearningCurve:
    """Return the curve of what is known of each size, with the law where there are 4 sizes or more.

    Notes
    -----
    The law is fitted again to 2,000 draws of the errors of all sizes, with the covariance that test rows (clusters)
    and training subsets give them; bounds are percentiles. A gain is that of one law, so what is alike at all
    sizes, such as a hard test set, cancels out.
    """
    if more < 1:
        raise DataError(f"more is {more}; give the number of labels that might be bought, 1 or more")
    known = sizes.freedom > 0
    if len(sizes.n) < MIN_SIZES:
        points = _points(sizes, sizes.variance if known else 0.0, confidence)
        notes += () if known else (ONLY_TEST.format(_fitted_once(sizes)),)
        return LearningCurve(points, None, (), (), sizes.n_test, confidence, notes)
    variance, freedom = sizes.variance, sizes.freedom
    weight = 1 / (sizes.scatter + (variance if known else 0.0) * sizes.training.diagonal())
    fitted = power_law.fit(sizes.error[None], sizes.n, weight)
    if not known:
        freedom = len(sizes.n) - 3
        variance = float(((fitted.error(sizes.n)[0] - sizes.error) ** 2).sum() / freedom)
        notes += (ONCE.format(_fitted_once(sizes)),)
    drawn = sizes.drawn(variance, freedom, DRAWS, rng or np.random.default_rng(0))
    laws = power_law.fit(drawn, sizes.n, weight)
    bought = _bought(sizes, fitted, laws, more, prices, confidence)
    return LearningCurve(
        _points(sizes, variance, confidence), _law(fitted), _band(sizes, fitted, laws, bought[-1], confidence),
        tuple(sorted(bought, key=lambda one: one.rows != more)), sizes.n_test, confidence,
        (*notes, *_remarks(sizes, fitted, bought)),
    )  # fmt: skip


def _fitted_once(sizes: Sizes) -> str:
    """Return why nothing is known of other training rows; all rows at hand fitted again are the same rows."""
    return "Each size was fitted once" if sizes.fits.max() == 1 else "No size below the largest was fitted twice"


def _points(sizes: Sizes, variance: float, confidence: float) -> tuple[LearningPoint, ...]:
    """Return the measured accuracies, with Wilson's interval on as many rows as the variance is worth."""
    spread = sizes.test.diagonal() + variance * sizes.training.diagonal()
    accuracy = 1 - sizes.error
    rows = np.minimum(accuracy * sizes.error / np.maximum(spread, TINY), 3 * sizes.n_test)
    rows = np.where(accuracy * sizes.error > 0, rows, sizes.units)
    tail = (1 + confidence) / 2
    z = stats.t.ppf(tail, max(sizes.units - 1, 1)) if sizes.clustered else stats.norm.ppf(tail)
    lower, upper = wilson(accuracy, rows, float(z))
    columns = zip(*(array.tolist() for array in (sizes.n, sizes.fits, accuracy, lower, upper)), strict=True)
    return tuple(LearningPoint(n, fits, Estimate(value, low, up, sizes.n_test)) for n, fits, value, low, up in columns)


def _bought(
    sizes: Sizes, fitted: PowerLaws, laws: PowerLaws, more: int, prices: Prices, confidence: float
) -> list[MoreLabels]:
    """Return what `more` labels, and as many again as there are, would buy; the fewer labels first."""
    at_hand = int(sizes.n[-1])
    found = []
    for rows in sorted({more, at_hand}):
        ends = np.array([at_hand, at_hand + rows])
        now, then = fitted.error(ends)[0]
        drawn = laws.error(ends)
        found.append(
            MoreLabels(
                rows,
                _estimate(1 - then, 1 - drawn[:, 1], sizes.n_test, confidence),
                _estimate(now - then, drawn[:, 0] - drawn[:, 1], sizes.n_test, confidence),
                None if prices.label is None else rows * prices.label,
                prices.currency,
            )
        )
    return found


def _estimate(value: float, drawn: FloatArray, n: int, confidence: float) -> Estimate:
    lower, upper = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Estimate(float(value), min(lower, float(value)), max(upper, float(value)), n)


def _band(
    sizes: Sizes, fitted: PowerLaws, laws: PowerLaws, furthest: MoreLabels, confidence: float
) -> tuple[LearningPoint, ...]:
    n = np.unique(np.rint(np.geomspace(sizes.n[0], sizes.n[-1] + furthest.rows, STEPS)).astype(int))
    value, drawn = 1 - fitted.error(n)[0], 1 - laws.error(n)
    return tuple(
        LearningPoint(int(size), 0, _estimate(value[place], drawn[:, place], sizes.n_test, confidence))
        for place, size in enumerate(n)
    )


def _law(fitted: PowerLaws) -> PowerLaw:
    level, slope, exponent = (float(values[0]) for values in (fitted.level, fitted.slope, fitted.exponent))
    return PowerLaw(int(fitted.at), level, slope, exponent)


def _remarks(sizes: Sizes, fitted: PowerLaws, bought: Sequence[MoreLabels]) -> tuple[str, ...]:
    at_hand = int(sizes.n[-1])
    far = [at_hand + one.rows for one in bought if at_hand + one.rows > FAR * at_hand]
    flat = (FLAT,) if fitted.slope[0] == 0 else ()
    return (*flat, *(GUESS.format(n, n / at_hand, FAR) for n in far))
