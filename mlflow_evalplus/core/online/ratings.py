"""Human ratings: their mean, the difference of two variants, how far raters agree, and who rates unlike the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core import columns as cols
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.online.krippendorff import alpha
from mlflow_evalplus.core.online.means import MIN_UNITS, without_rounding
from mlflow_evalplus.core.online.outcomes import as_numbers, is_binary, scale_points
from mlflow_evalplus.core.online.raters import Rated, compared_raters
from mlflow_evalplus.core.online.two_way import TwoWay, two_way
from mlflow_evalplus.core.online.variants import chosen, codes_of, variant_codes
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.ratings import Rater, RatingFigures, Ratings

LEVELS = ("ordinal", "interval")
MAX_NAMED = 5


@dataclass(frozen=True)
class _Asked:
    sides: tuple[str, ...]
    low: float
    high: float
    binary: bool
    level: str
    confidence: float


def ratings(
    frame: Any,
    *,
    rater: str = "rater",
    example: str = "example",
    rating: str = "rating",
    variant: str | None = None,
    control: str | None = None,
    treatment: str | None = None,
    slices: Sequence[str] = (),
    scale: Sequence[Any] | None = None,
    level: str = "ordinal",
    confidence: float = 0.95,
) -> Ratings:
    """Estimate what raters think of a model's answers, or of two variants' answers to the same examples.

    Parameters
    ----------
    frame : data frame
        One row per rating: pandas, Polars, PyArrow, DuckDB or Spark.
    rater, example, rating : str
        Columns. Ratings are numbers, yes and no (pass and fail), or words of a `scale`. Rows without one are left out.
    variant : str, optional
        Column that names whose answer was rated.
    control, treatment : str, optional
        By default the one variant that is named control, baseline, champion or A, and the one other.
    slices : sequence of str
        Slice columns.
    scale : sequence, optional
        The permitted ratings from the worst to the best; words count as 1, 2, 3 ….
    level : str
        What the agreement takes the ratings for: ``ordinal``, or ``interval`` where each step counts the same.
    confidence : float

    Returns
    -------
    Ratings
        Every example counts alike, however many rated it. Intervals speak of further examples and further raters; with
        one rater, or one example, there are none.

    Raises
    ------
    DataError
        A column does not hold what it must, somebody rated one answer twice, or it is not clear which variants to
        compare.

    Notes
    -----
    Variances are two-way cluster-robust, see ``core.two_way``. A difference is that of the examples where both
    variants were rated, if there are two or more.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(r, e, 3 + (e * 7 + r) % 3) for r in range(6) for e in range(40)]
    >>> print(ratings(pd.DataFrame(rows, columns=["rater", "example", "rating"])).overall.means[""])
    4.000 [3.977, 4.023] n=40
    """
    if level not in LEVELS:
        raise DataError(f"level must be one of {list(LEVELS)}, got {level!r}")
    if not 0.5 < confidence < 1:
        raise DataError(f"confidence must lie between 0.5 and 1, got {confidence}")
    table = cols.select(frame, [rater, example, rating, *([variant] if variant else []), *slices])
    values = as_numbers(table[rating], rating, scale)
    side, pair = np.ones(len(values), np.int64), cast("tuple[str, ...]", ("",))
    if variant:
        codes, known = variant_codes(table[variant], variant)
        pair = chosen(known, control, treatment)
        side = np.select([codes == known.index(name) for name in pair], [0, 1], -1)
    there = (side >= 0) & ~np.isnan(values)
    raters, raters_known = _required(table[rater], rater, there)
    examples, _ = _required(table[example], example, there)
    rows = Rated(values, raters, examples, side).of(there)
    for number, name in enumerate(pair, start=2 - len(pair)):
        if not (rows.side == number).any():
            raise DataError(f"no rating in column {rating!r}" + (f" is of variant {name!r}" if name else ""))
    _refuse_twice(rows, raters_known, example)
    binary = is_binary(rows.rating)
    points = [0.0, 1.0] if binary else list(scale_points(scale).values()) if scale else [-math.inf, math.inf]
    asked = _Asked(pair, points[0], points[-1], binary, "nominal" if binary else level, confidence)
    overall = _figures(rows, asked)
    listed = compared_raters(rows, raters_known, confidence)
    return Ratings(
        control=pair[0] if variant else "", treatment=pair[-1], rating=rating, n=len(rows.rating),
        n_examples=len(np.unique(rows.example)), overall=overall,
        slices=_slices({name: cols.slice_values(table[name], name) for name in slices}, there, rows, asked),
        raters=listed, level=asked.level, confidence=confidence,
        notes=tuple(_notes(rows, listed, int((np.isnan(values) & (side >= 0)).sum()), asked)),
    )  # fmt: skip


def _required(values: pa.ChunkedArray, source: str, there: np.ndarray) -> tuple[IntArray, list[str]]:
    codes, known = codes_of(values)
    missing = int(((codes < 0) & there).sum())
    if missing:
        raise DataError(f"{missing:,} ratings have no value in column {source!r}; name who rated, and what")
    return codes, known


def _refuse_twice(rows: Rated, raters: Sequence[str], example: str) -> None:
    key = rows.answers * len(raters) + rows.rater
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    if (times > 1).any():
        one = raters[rows.rater[first[times > 1][0]]][:40]
        raise DataError(
            f"{int((times > 1).sum()):,} times somebody rated one answer more than once, for example rater {one!r}; "
            f"keep one rating of each rater and {example!r}"
        )


def _figures(rows: Rated, asked: _Asked) -> RatingFigures:
    sides = {name: rows.of(rows.side == number) for number, name in enumerate(asked.sides, start=2 - len(asked.sides))}
    found = {
        name: _mean(own).estimate(asked.confidence, asked.low, asked.high, share=asked.binary)
        for name, own in sides.items()
    }
    agreement = alpha(rows.rating, rows.answers, asked.level, asked.confidence)
    if len(asked.sides) == 1:
        return RatingFigures(found, None, math.nan, math.nan, agreement)
    difference, reach = _difference(rows), asked.high - asked.low
    estimate = difference.estimate(asked.confidence, -reach, reach)
    return RatingFigures(found, estimate, difference.p_value, math.nan, agreement)


def _weights(rows: Rated) -> FloatArray:
    """Return weights that sum to 1 and give every example the same."""
    _, place, times = np.unique(rows.example, return_inverse=True, return_counts=True)
    return np.asarray(1 / times[place] / max(len(times), 1))


def _mean(rows: Rated) -> TwoWay:
    if not len(rows.rating):
        return TwoWay(math.nan, math.nan, 0, 0)
    value, influence = _weighted(rows)
    return two_way(value, influence, rows.example, rows.rater)


def _weighted(rows: Rated) -> tuple[float, FloatArray]:
    """Return the mean, every example counting alike, and each rating's influence on it."""
    weights = _weights(rows)
    value = float(weights @ rows.rating)
    value += float(weights @ (rows.rating - value))  # what the first sum rounded off
    return value, weights * without_rounding(rows.rating - value, float(np.abs(rows.rating).max()))


def _difference(rows: Rated) -> TwoWay:
    """Return treatment less control, on the examples where both were rated, if there are two or more."""
    shared = _shared(rows)
    rows = rows.of(np.isin(rows.example, shared)) if len(shared) > 1 else rows
    if len(np.unique(rows.side)) < 2:
        return TwoWay(math.nan, math.nan, 0, 0)
    value, influence = 0.0, np.zeros(len(rows.rating))
    for side, sign in ((0, -1.0), (1, 1.0)):
        mask = rows.side == side
        mean, own = _weighted(rows.of(mask))
        value += sign * mean
        influence[mask] = sign * own
    return two_way(value, influence, rows.example, rows.rater)


def _shared(rows: Rated) -> IntArray:
    return np.intersect1d(rows.example[rows.side == 0], rows.example[rows.side == 1])


def _slices(columns: dict[str, Any], there: np.ndarray, rows: Rated, asked: _Asked) -> tuple[RatingFigures, ...]:
    listed = []
    for column, values in columns.items():
        codes, known = codes_of(values)
        codes = codes[there]
        for code, name in enumerate(known):
            if (codes == code).any():
                listed.append(replace(_figures(rows.of(codes == code), asked), columns=(column,), values=(name,)))
    q_values = false_discovery(np.array([row.p_value for row in listed])).tolist()
    return tuple(replace(row, q_value=q) for row, q in zip(listed, q_values, strict=True))


def _notes(rows: Rated, raters: Sequence[Rater], left_out: int, asked: _Asked) -> Iterator[str]:
    if left_out:
        yield f"{left_out:,} rows without a rating are left out."
    if len(raters) == 1:
        yield "One person rated: what others would say is unknown, so there are no intervals. Let two or more rate."
    elif len(raters) < MIN_UNITS:
        yield f"Only {len(raters)} people rated: intervals are wide, and what others would say is hardly known."
    figures = [] if asked.binary else [_mean(rows.of(rows.side == side)) for side in np.unique(rows.side)]
    figures += [_difference(rows)] if len(asked.sides) > 1 else []
    if any(figure.variance == 0 for figure in figures):
        yield "What shows no spread over examples and raters, as where all ratings are the same, has no interval."
    if len(asked.sides) > 1:
        shared, total = len(_shared(rows)), len(np.unique(rows.example))
        if shared < 2:
            yield "No two examples were rated in both variants: the difference is not paired, and so less sure."
        elif shared < total:
            yield f"The difference is that of the {shared:,} of {total:,} examples that were rated in both variants."
    far = [rater for rater in raters if rater.far]
    for rater in far[:MAX_NAMED]:
        where = f"{abs(rater.gap.value):.2f} {'above' if rater.gap.value > 0 else 'below'}"
        yield f"Rater {rater.name[:40]} rates {where} what others gave to the same answers ({rater.gap.n:,} of them)."
    if len(far) > MAX_NAMED:
        yield f"{len(far) - MAX_NAMED:,} more raters rate far from the others."
