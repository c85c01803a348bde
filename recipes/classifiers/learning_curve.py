"""Fit a candidate on growing parts of the training rows, to see what more labels would buy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mlflow_evalplus.core.columns import as_labels, convert, require_columns, select
from mlflow_evalplus.core.learning.learning_curve import NEXT, curve_of
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import LearningCurve

SMALLEST = 1 / 8  # of the training rows; below it curves of texts are of another shape
FEWEST = 20
Predict = Callable[[pd.DataFrame], Sequence[str]]


def measure(
    fit: Callable[[pd.DataFrame], Predict],
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    text: str,
    label: str,
    cluster: str | None = None,
    seed: int = 0,
    sizes: int = 6,
    repeats: int = 3,
    more: int = NEXT,
    prices: Prices | None = None,
    confidence: float = 0.95,
    on_step: Callable[[str], None] = lambda step: None,
) -> LearningCurve:
    """Measure the learning curve of a candidate.

    Parameters
    ----------
    fit : callable
        Trains on rows and returns what predicts the labels of others, which it is given without their label.
    train, test : pandas.DataFrame
    text, label : str
        Columns.
    cluster : str, optional
        Column of test rows that are not independent.
    seed : int
        Of the subsets and the intervals.
    sizes, repeats : int
        Sizes from an eighth of the training rows to all, in equal ratios, each below all of them drawn `repeats` times.
    more, prices, confidence
        As `mlflow_evalplus.learning_curve` has them.
    on_step : callable
        Is told what is being done.

    Returns
    -------
    LearningCurve
        A note says which sizes were left out because a subset lacked a label.

    Notes
    -----
    ``1 + (sizes - 1) · repeats`` fits, 16 by default, which take about as long as 6 on all rows where time grows with
    the rows. A repeat's subsets are stratified by label, and the smaller ones are parts of the larger.
    """
    require_columns(train, [text, label])
    require_columns(test, [text, label, *([cluster] if cluster else [])])
    if repeats < 1 or sizes < 1 or train.empty or test.empty:
        raise DataError(
            f"{sizes} sizes, {repeats} repeats, {len(train)} training and {len(test)} test rows: each must be 1 or more"
        )
    labels, gold = (np.array([str(one) for one in as_labels(frame, label)]) for frame in (train, test))
    codes = None
    if cluster:
        codes = pd.factorize(convert("cluster", select(test, [cluster])[cluster], cluster).to_pandas())[0]
    unlabelled = test.drop(columns=label)
    rng = np.random.default_rng(seed)
    right, n_train, repeat, skipped = [], [], [], {}
    for number, rows in _subsets(labels, sizes, repeats, rng):
        missing = sorted(set(labels) - set(labels[rows]))
        if missing:
            skipped[len(rows)] = [str(one) for one in missing]
            continue
        many = "all" if len(rows) == len(train) else f"{len(rows):,} of {len(train):,}"
        on_step(f"learning curve: {many} rows" + ("" if many == "all" else f", {number + 1} of {repeats}"))
        right.append(_answers(fit(train.iloc[rows].reset_index(drop=True)), unlabelled) == gold)
        n_train.append(len(rows))
        repeat.append(number)
    curve = curve_of(
        np.array(right), n_train, repeat=repeat, cluster=codes, more=more, prices=prices, confidence=confidence, rng=rng
    )
    left_out = tuple(_left_out(n, missing, n in n_train) for n, missing in sorted(skipped.items()))
    return replace(curve, notes=(*left_out, *curve.notes))


def _subsets(
    labels: np.ndarray, sizes: int, repeats: int, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of the repeat and the rows of each subset; all rows once."""
    n = len(labels)
    steps = np.unique(np.rint(np.geomspace(min(max(SMALLEST * n, FEWEST), n), n, sizes)).astype(int))
    for number in range(repeats):
        order = _order(labels, rng)
        for size in steps[:-1]:
            yield number, np.sort(order[:size])
    yield 0, np.arange(n)


def _order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows in a random order of which every beginning has the labels' shares, as nearly as it can."""
    shuffled = rng.permutation(len(labels))
    own = pd.Series(labels[shuffled])
    counted = own.groupby(own)
    place = (counted.cumcount() + 0.5) / counted.transform("size")
    return np.asarray(shuffled[np.argsort(place.to_numpy(), kind="stable")])


def _answers(predict: Predict, test: pd.DataFrame) -> np.ndarray:
    answers = [str(one) for one in predict(test)]
    if len(answers) != len(test):
        raise DataError(f"the fitted model gave {len(answers):,} predictions for {len(test):,} rows; give one for each")
    return np.array(answers)


def _left_out(n: int, missing: Sequence[str], partly: bool) -> str:
    what = "Some subsets" if partly else "Subsets"
    return f"{what} of {n:,} training rows were left out: they would lack the labels {shorten(missing, 5)}."
