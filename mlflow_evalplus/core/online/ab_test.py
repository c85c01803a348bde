"""Online A/B tests: the difference of two variants, for one look and for as many as one likes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlflow_evalplus.core import columns as cols
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.online.always_valid import PLANNED, always_valid, of_difference, of_mean, times_more
from mlflow_evalplus.core.online.means import Between, Means, difference_bounds, mean_bounds, means
from mlflow_evalplus.core.online.outcomes import as_numbers, is_binary
from mlflow_evalplus.core.online.variants import chosen, codes_of, sample_ratio, variant_codes
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.ab_test import ABDifference, ABTest, Variant
from mlflow_evalplus.results.evidence import without_bounds

BROKEN = 0.001


def ab_test(
    frame: Any,
    *,
    variant: str = "variant",
    outcome: str = "outcome",
    control: str | None = None,
    treatment: str | None = None,
    cluster: str | None = None,
    slices: Sequence[str] = (),
    confidence: float = 0.95,
    lower_is_better: bool = False,
    planned: int = PLANNED,
    split: Mapping[str, float] | None = None,
) -> ABTest:
    """Compare two variants of an online experiment.

    Parameters
    ----------
    frame : data frame
        One row per event: pandas, Polars, PyArrow, DuckDB or Spark.
    variant : str
        Column that names the variant each row met.
    outcome : str
        Column of numbers, or of yes and no (true and false, pass and fail). Rows without one are left out.
    control, treatment : str, optional
        By default the one variant that is named control, baseline, champion or A, and the one other.
    cluster : str, optional
        Column of who was drawn into a variant, such as a user, where a user has several rows.
    slices : sequence of str
        Slice columns; a column of many numbers is cut at its quartiles.
    confidence : float
    lower_is_better : bool
        A smaller outcome is a better one: handling time. Differences stay treatment less control; the words, and the
        sign of ``ab_difference`` that requirements see, follow what is better.
    planned : int
        Rows (less, where rows of a user are alike) at which the always-valid interval is to be tightest. Choose it
        before the first look, and keep it.
    split : mapping of str to float, optional
        Intended share of each variant; by default equal among those present.

    Returns
    -------
    ABTest
        Where the variants' sizes do not fit the intended split (p < 0.001) the experiment is broken: no difference has
        bounds then. A figure without spread, or with one user in a variant, has none either.

    Raises
    ------
    DataError
        A column does not hold what it must, or it is not clear which variants to compare.

    Notes
    -----
    Fixed intervals: Welch's; of yes and no Newcombe's. With clusters variances are cluster-robust; clusters that met
    several variants enter by their covariance. Always-valid ones: see ``core.always_valid``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"variant": ["A", "B"] * 3000, "outcome": ["yes", "yes", "no", "yes", "no", "no"] * 1000})
    >>> print(ab_test(rows).overall.difference)
    0.333 [0.296, 0.371] n=6000
    """
    asked = _asked(confidence, planned)
    table = cols.select(frame, [variant, outcome, *([cluster] if cluster else []), *slices])
    codes, known = variant_codes(table[variant], variant)
    pair = chosen(known, control, treatment)
    values = as_numbers(table[outcome], outcome)
    clusters = codes_of(cols.convert("cluster", table[cluster], cluster))[0] if cluster else None
    ratio_p, ratio_note = sample_ratio(codes, known, split, clusters)
    there = (codes >= 0) & ~np.isnan(values)
    for name in pair:
        if not (there & (codes == known.index(name))).any():
            raise DataError(f"no row of variant {name!r} has an outcome; look at column {outcome!r}")
    rows = _Rows(codes, values, clusters, is_binary(values[there])).of(there)
    both = np.isin(codes, [known.index(name) for name in pair]) & there
    compared = replace(rows.of(both[there]), arm=(codes[both] == known.index(pair[1])).astype(np.int64))
    found, between = compared.means()
    broken = ratio_p < BROKEN
    return ABTest(
        control=pair[0], treatment=pair[1], outcome=outcome, binary=rows.binary,
        variants=_variants(rows, known, confidence), overall=_differences(found, between, asked, broken)[0],
        slices=_slices({name: cols.slice_values(table[name], name) for name in slices}, both, compared, asked, broken),
        srm_p_value=ratio_p, broken=broken, more=None if broken else _more(found, between, asked),
        confidence=confidence, planned=planned, lower_is_better=lower_is_better,
        notes=(*((ratio_note,) if broken else ()), *_notes(found, between, len(there) - int(there.sum()))),
    )  # fmt: skip


@dataclass(frozen=True)
class _Asked:
    confidence: float
    planned: int


@dataclass(frozen=True)
class _Rows:
    """Rows with an outcome: the arm (or variant) and outcome of each, and its cluster where there are any."""

    arm: IntArray
    values: FloatArray
    clusters: IntArray | None
    binary: bool

    def of(self, mask: np.ndarray) -> _Rows:
        clusters = None if self.clusters is None else self.clusters[mask]
        return _Rows(self.arm[mask], self.values[mask], clusters, self.binary)

    def means(self, slice_codes: IntArray | int = 0, n_slices: int = 1, n_arms: int = 2) -> tuple[Means, Between]:
        groups = slice_codes * n_arms + self.arm
        return means(self.values, groups, n_slices * n_arms, self.clusters, binary=self.binary)


def _asked(confidence: float, planned: int) -> _Asked:
    if not 0.5 < confidence < 1:
        raise DataError(f"confidence must lie between 0.5 and 1, got {confidence}")
    if not planned >= 1:
        raise DataError(f"planned must be the number of rows planned for, 1 or more, got {planned}")
    return _Asked(confidence, planned)


def _variants(rows: _Rows, known: Sequence[str], confidence: float) -> tuple[Variant, ...]:
    found, _ = rows.means(n_arms=len(known) + len(known) % 2)
    lower, upper = mean_bounds(found, confidence)
    estimates = _estimates(found.value, lower, upper, found.n, found.few)
    clusters = [None if rows.clusters is None else int(units) for units in found.units]
    return tuple(
        Variant(name, estimate.n, users, estimate)
        for name, estimate, users in zip(known, estimates, clusters, strict=False)
    )


def _differences(found: Means, between: Between, asked: _Asked, broken: bool) -> list[ABDifference]:
    """Return treatment less control for each pair of groups, control first."""
    control, treatment = found[::2], found[1::2]
    value, n = treatment.value - control.value, treatment.n + control.n
    few = control.few | treatment.few
    lower, upper = difference_bounds(treatment, control, between.covariance, asked.confidence)
    fixed = _estimates(value, lower, upper, n, few)
    half, p_values = always_valid(*of_difference(found, between), confidence=asked.confidence, planned=asked.planned)
    always = _estimates(value, *_within(value, half, -1.0, found.binary), n, few)
    own_half, _ = always_valid(*of_mean(treatment), confidence=asked.confidence, planned=asked.planned)
    outcome = _estimates(
        treatment.value, *_within(treatment.value, own_half, 0.0, found.binary), treatment.n, treatment.few
    )
    if broken:
        always, fixed, outcome = ([without_bounds(e) for e in estimates] for estimates in (always, fixed, outcome))
        p_values = np.full(len(value), np.nan)
    rows = zip(always, p_values.tolist(), fixed, outcome, strict=True)
    return [ABDifference(d, p, math.nan, once, mean) for d, p, once, mean in rows]


def _within(value: FloatArray, half: FloatArray, low: float, binary: bool) -> tuple[FloatArray, FloatArray]:
    """Return the bounds, those of yes and no in their range; nan where the interval has no end yet."""
    if binary:
        return np.maximum(value - half, low), np.minimum(value + half, 1.0)
    half = np.where(np.isfinite(half), half, np.nan)
    return value - half, value + half


def _estimates(
    value: FloatArray, lower: FloatArray, upper: FloatArray, n: FloatArray, few: np.ndarray
) -> list[Estimate]:
    columns = (value, lower, upper, n.astype(np.int64), few)
    return [Estimate(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _slices(
    columns: Mapping[str, Any], there: np.ndarray, rows: _Rows, asked: _Asked, broken: bool
) -> tuple[ABDifference, ...]:
    """Return the difference in each slice, with Benjamini–Hochberg's q over all slices."""
    listed = []
    for column, values in columns.items():
        codes, known = codes_of(values)
        found, between = rows.means(codes[there], len(known))
        for name, row in zip(known, _differences(found, between, asked, broken), strict=True):
            if row.difference.n:
                listed.append(replace(row, columns=(column,), values=(name,)))
    q_values = false_discovery(np.array([row.p_value for row in listed])).tolist()
    return tuple(replace(row, q_value=q) for row, q in zip(listed, q_values, strict=True))


def _more(found: Means, between: Between, asked: _Asked) -> int | None:
    """Return how many more users, or rows, would make the difference clear, if it stays; None if it is clear."""
    value, variance, effective, df = (float(array[0]) for array in of_difference(found, between))
    times = times_more(value, variance, effective, df, confidence=asked.confidence, planned=asked.planned)
    units = float(found.units.sum() - between.shared[0])
    return math.ceil((times - 1) * units) if times and times > 1 else None


def _notes(found: Means, between: Between, left_out: int) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"{left_out:,} rows without a variant or an outcome are left out of the means.")
    if between.shared[0]:
        total = found.units.sum() - between.shared[0]
        notes.append(
            f"{between.shared[0]:,.0f} of {total:,.0f} users met both variants; intervals take that into account, but "
            "what they saw of one may have changed what they did with the other."
        )
    if not (found.units > 1).all():
        notes.append("A variant with one user, or row, shows no spread: the difference has no interval.")
    figures = {"the difference": of_difference(found, between), "the mean of the treatment": of_mean(found[1::2])}
    without = [what for what, (_, variance, *_) in figures.items() if variance[0] == 0]
    if without:
        notes.append(f"Without any spread, of rows or of users, there is no interval of {' and of '.join(without)}.")
    return notes
