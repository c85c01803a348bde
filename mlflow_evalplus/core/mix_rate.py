"""One model on two data sets: what other examples, and what other answers, change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.counts import Margin, count_cells
from mlflow_evalplus.core.intervals import quantile, variance
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import ComparisonError, did_you_mean, shorten
from mlflow_evalplus.results import Difference, Evaluation
from mlflow_evalplus.results.difference import MixRate, MixRateRow


def mix_and_rate(a: Evaluation, b: Evaluation, by: str, *, names: tuple[str, str] = ("A", "B")) -> MixRate:
    """Split the difference of the accuracies on two data sets, for example two months.

    Parameters
    ----------
    a, b : Evaluation
        Differences are A less B: B is the baseline.
    by : str
        A slice column of both.
    names : tuple of str
        How to call them.

    Returns
    -------
    MixRate
        Per slice value the mix effect (it is more or less common) and the rate effect (it is answered better or
        worse); all of them sum to the difference.

    Raises
    ------
    ComparisonError
        The rows are not at hand, `by` is not a slice column of both, or they share no value of it.

    Notes
    -----
    With a value's shares w and accuracies r, mix is ``(w_A - w_B) ((r_A + r_B) / 2 - r̄)`` and rate
    ``(w_A + w_B) / 2 · (r_A - r_B)`` (Kitagawa 1955, doi:10.1080/01621459.1955.10501299). The mean r̄ of the two
    accuracies changes no sum, as the shares' differences sum to 0; with it a value that is answered as well as the
    average has no mix effect. A value that one data set lacks has no accuracy there: that of the other stands for it,
    so that all of its effect is mix. Intervals by the delta method from two independent samples, that of the total
    by Newcombe (1998), method 10.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> may = pd.DataFrame({"label": ["a"] * 10, "prediction": list("aaaaaaaaab")})
    >>> may["channel"] = ["app"] * 8 + ["web"] * 2
    >>> june = may.assign(channel=["app"] * 5 + ["web"] * 5)
    >>> for row in mix_and_rate(*(evaluate(month, slices=["channel"]) for month in (june, may)), "channel").rows:
    ...     print(f"{row.name} mix {row.mix:+.3f} rate {row.rate:+.3f}")
    channel=web mix -0.075 rate +0.105
    channel=app mix -0.030 rate +0.000
    """
    rows = _rows_with(a, b, by)
    known = list(dict.fromkeys(value for side in rows for value in side.codes(f"slice.{by}")[1]))
    here, there = (_side(side, by, known) for side in rows)
    _require_common(here, there, by, known)
    own, other = here.against(there), there.against(here)
    level = (here.accuracy + there.accuracy) / 2
    mix = (here.share - there.share) * ((own + other) / 2 - level)
    rate = (here.share + there.share) / 2 * (own - other)
    found = [
        MixRateRow(f"{by}={value}", *map(int, n), *map(float, figures))
        for value, *n, (*figures,) in zip(
            known, here.n, there.n,
            zip(here.share, there.share, here.rate, there.rate, mix, rate, strict=True), strict=True,
        )
        if sum(n)
    ]  # fmt: skip
    total, of_mix, of_rate = _effects(here, there, float(mix.sum()), float(rate.sum()), (a, b))
    found.sort(key=lambda row: (-abs(row.mix + row.rate), row.name))
    return MixRate(names[0], names[1], by, total, of_mix, of_rate, tuple(found))


@dataclass(frozen=True)
class _Side:
    """One data set as a margin of one slice, whose cells are (value, wrong or right)."""

    margin: Margin

    @property
    def cells(self) -> FloatArray:
        return self.margin.shares.reshape(-1, 2)

    @property
    def share(self) -> FloatArray:
        return np.asarray(self.cells.sum(axis=1))

    @property
    def n(self) -> FloatArray:
        return np.asarray(self.margin.rows.reshape(-1, 2).sum(axis=1))

    @property
    def rate(self) -> FloatArray:
        return np.asarray(np.divide(self.cells[:, 1], self.share, out=np.full(len(self.n), np.nan), where=self.n > 0))

    @property
    def accuracy(self) -> float:
        return float(self.cells[:, 1].sum())

    def against(self, other: _Side) -> FloatArray:
        """Return the accuracies; that of the other side where there are no examples, 0 where neither has any."""
        return np.nan_to_num(np.where(self.n > 0, self.rate, other.rate))

    def variances(self, other: _Side) -> FloatArray:
        """Return what this sample adds to the variances of total, mix and rate."""
        w, r, v, q = self.share, self.against(other), other.share, other.against(self)
        both = (self.n > 0) & (other.n > 0)
        slope = 1 / np.where(w > 0, w, 1)
        # of the share of right answers, and of the share of examples; a value of this side alone is all mix
        right = [np.ones(len(w)), np.where(both, (w - v) / 2 * slope, 1), np.where(both, (w + v) / 2 * slope, 0)]
        of_all = [
            np.zeros(len(w)),
            np.where(both, (r + q) / 2 - (w - v) / 2 * slope * r, 0),
            np.where(both, (r - q) / 2 - (w + v) / 2 * slope * r, 0),
        ]
        gradients = np.stack([of_all, np.add(of_all, right)], axis=-1).reshape(3, -1)
        p = self.margin.shares[0]
        return np.array([variance(self.margin, (g - p @ g)[None])[0] for g in gradients])


def _side(rows: Predictions, by: str, known: list[str]) -> _Side:
    codes, values = rows.codes(f"slice.{by}")
    place = np.array([known.index(value) for value in values])
    right = rows.label_codes("prediction") == rows.label_codes("label")
    return _Side(count_cells(rows, place[codes] * 2 + right, 2 * len(known), [()])[()])


def _effects(
    here: _Side, there: _Side, mix: float, rate: float, evaluations: tuple[Evaluation, Evaluation]
) -> tuple[Difference, Difference, Difference]:
    confidence = evaluations[0].confidence
    spreads = [(side.variances(other), quantile(side.margin, confidence)[0]) for side, other in
               ((here, there), (there, here))]  # fmt: skip
    errors = np.sqrt(sum(spread for spread, _ in spreads))
    halves = np.sqrt(sum(z**2 * spread for spread, z in spreads))
    n = [evaluation.n for evaluation in evaluations]
    z = max(z for _, z in spreads)
    halves[2] = max(halves[2], z**2 / (min(n) + z**2))  # no certainty where no answer is wrong
    values = [here.accuracy - there.accuracy, mix, rate]
    bounds = [(value - half, value + half) for value, half in zip(values, halves.tolist(), strict=True)]
    a, b = (evaluation.metrics["accuracy"] for evaluation in evaluations)
    bounds[0] = (
        values[0] - float(np.hypot(a.value - a.lower, b.upper - b.value)),
        values[0] + float(np.hypot(a.upper - a.value, b.value - b.lower)),
    )
    p_values = [
        float(2 * stats.norm.sf(abs(value) / error)) if error else float(value == 0)
        for value, error in zip(values, errors.tolist(), strict=True)
    ]
    total, of_mix, of_rate = (
        Difference(value, max(lower, -1.0), min(upper, 1.0), p_value, sum(n))
        for value, (lower, upper), p_value in zip(values, bounds, p_values, strict=True)
    )
    return total, of_mix, of_rate


def _rows_with(a: Evaluation, b: Evaluation, by: str) -> tuple[Predictions, Predictions]:
    if a.predictions is None or b.predictions is None:
        raise ComparisonError("mix and rate need the rows of both evaluations; load them with predictions")
    first, second = a.predictions.slice_columns, b.predictions.slice_columns
    if by not in first or by not in second:
        raise ComparisonError(
            f"slice column {by!r} is not in both evaluations: the first has {list(first)}, the second "
            f"{list(second)}; evaluate both with it.{did_you_mean(by, set(first) & set(second))}"
        )
    return a.predictions, b.predictions


def _require_common(here: _Side, there: _Side, by: str, known: list[str]) -> None:
    if not ((here.n > 0) & (there.n > 0)).any():
        values = [shorten([value for value, n in zip(known, side.n, strict=True) if n], 3) for side in (here, there)]
        raise ComparisonError(
            f"no value of {by!r} occurs in both data sets: {values[0]} in the first, {values[1]} in the second. "
            "Numbers are cut at each data set's own quartiles; cut them alike before evaluating."
        )
