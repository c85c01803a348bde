"""What the probabilities of a model are worth: sums per slice, in any engine, from which each metric follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from mlflow_evalplus import names
from mlflow_evalplus.core import columns as col
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Margin
from mlflow_evalplus.core.engines import Source, collect, label_values
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.thresholds import cell

EXACT_ROWS = 100_000  # up to here scores are compared exactly, above in bins
LEAST = 2.0**-52  # a probability of 0 is taken as this, as scikit-learn does
BINS = 10  # of the calibration error, equal in width
OPTIONAL = {"w": "weight", "g": "cluster"}
MAX_OFF = 0.01  # by which the scores of a row may miss a sum of 1


@dataclass(frozen=True)
class ScoredRows:
    """Labels and scores of all rows, wherever they are, under plain names.

    Attributes
    ----------
    frame : narwhals data frame, eager or lazy
        ``y`` (index of the label), ``hit`` (whether the prediction is right), ``p0`` … (scores), the columns in
        `slices`, and maybe ``w`` and ``g`` (cluster).
    labels : tuple of str
    scored : tuple of int
        Indices of the labels that have a score; from ``len(labels)`` on those that only the model knows.
    slices : dict of str to str
        Slice column → its name in `frame`.
    n : int
        Rows.
    """

    frame: Any
    labels: tuple[str, ...]
    scored: tuple[int, ...]
    slices: dict[str, str]
    n: int

    @cached_property
    def complete(self) -> bool:
        """Whether every label has a score, and the scores of a row sum to 1 within 0.01."""
        return self.covered and not self.rows_off

    @property
    def covered(self) -> bool:
        """Whether every label has a score."""
        return set(range(len(self.labels))) <= set(self.scored)

    @cached_property
    def rows_off(self) -> int:
        """Rows whose scores do not sum to 1."""
        off = (nw.sum_horizontal(*self._scores) - 1.0).abs() > MAX_OFF
        table = _run(self.frame.select(off.cast(nw.Int64).sum().alias("off")))
        return int(table["off"][0].as_py())

    @property
    def _scores(self) -> list[nw.Expr]:
        return [nw.col(f"p{index}") for index in self.scored]

    def sums(self, margin: Margin, cell: dict[str, nw.Expr], values: dict[str, nw.Expr]) -> Sums:
        """Return sums of `values` over the rows of each (slice, cluster, cell)."""
        slice_key = next((self.slices[column] for column in margin.columns), None)
        given = self.frame.collect_schema().names()
        keys = [key for key in (slice_key, "g" if "g" in given else None) if key]
        weight = nw.col("w") if "w" in given else nw.lit(1.0)
        rows = self.frame.with_columns(weight.cast(nw.Float64).alias("w"), **cell, **values)
        rows = rows.with_columns(nw.lit(0).alias("k")) if not keys and not cell else rows
        products = {"ww": nw.col("w") * nw.col("w")}
        for name in values:
            products |= {f"{name}_w": nw.col("w") * nw.col(name), f"{name}_ww": nw.col("w") ** 2 * nw.col(name)}
            products[f"{name}_xx"] = (nw.col("w") * nw.col(name)) ** 2
        by = [*keys, *cell] or ["k"]
        summed = rows.with_columns(**products).group_by(*by)
        table = _run(summed.agg(nw.len().alias("n"), *(nw.col(c).sum() for c in ("w", *products))))
        return _sums(table, margin, slice_key, "g" in keys, tuple(cell), tuple(values))

    def means(self, margin: Margin) -> Sums:
        """Return sums of each row's log-loss, Brier score and whether its label is among the two best."""
        own = _chosen(self.labels)
        best_of = nw.sum_horizontal(*((p > own).cast(nw.Int64) for p in self._scores))
        values = {
            "log_loss": own.clip(lower_bound=LEAST).log() * -1.0,
            "brier": nw.sum_horizontal(*(p * p for p in self._scores)) - own * 2.0 + 1.0,
            "top_2_accuracy": (best_of < 2).cast(nw.Float64),
        }
        if len(self.labels) < 3:
            del values["top_2_accuracy"]
        return self.sums(margin, {}, values)

    def calibration(self, margin: Margin) -> Sums:
        """Return sums of each row's confidence and whether its most probable label is right, per bin of confidence.

        Rows are apart where only one of that label and the answer given is right.
        """
        own, confidence = _chosen(self.labels), nw.max_horizontal(*self._scores)
        bins = (confidence * float(BINS)).floor().clip(upper_bound=BINS - 1.0)
        right = (own >= confidence).cast(nw.Float64)
        apart = (nw.col("hit").cast(nw.Float64) - right).abs()
        values = {"gap": right - confidence, "confidence": confidence, "right": right}
        return self.sums(margin, {"bin": bins, "apart": apart}, values)

    def confidence(self, margin: Margin) -> Sums:
        """Return sums of each row's right answers, per cell of confidence; see `thresholds`."""
        confidence = nw.max_horizontal(*self._scores)
        return self.sums(margin, {"cell": cell(confidence)}, {"right": nw.col("hit").cast(nw.Float64)})

    def ranking(self, margin: Margin, index: int) -> Sums:
        """Return the numbers of rows with and without one label, per score for it (per bin, above 100,000 rows)."""
        score = nw.col(f"p{index}")
        cell = score if self.n <= EXACT_ROWS else binned(score)
        return self.sums(margin, {"score": cell, "positive": (nw.col("y") == index).cast(nw.Int64)}, {})


@dataclass(frozen=True)
class Sums:
    """Sums over the rows of each entry; an entry is a (slice, cluster, cell) with rows.

    Attributes
    ----------
    slices : int array
        Index in the margin's values.
    clusters : int array or None
    cells : dict of str to array
    n, weights, squares : float arrays
        Rows, and sums of w and w².
    values : dict of str to (Σ w x, Σ w² x, Σ w² x²)
    n_slices : int
    """

    slices: IntArray
    clusters: IntArray | None
    cells: dict[str, FloatArray]
    n: FloatArray
    weights: FloatArray
    squares: FloatArray
    values: dict[str, tuple[FloatArray, FloatArray, FloatArray]]
    n_slices: int

    def per_slice(self, entries: FloatArray) -> FloatArray:
        """Return the sum over each slice's entries."""
        return np.bincount(self.slices, entries, self.n_slices).astype(np.float64)


def of_predictions(predictions: Predictions) -> ScoredRows | None:
    """Return the scored rows of predictions at hand; None where no label has a score."""
    given = predictions.table.column_names
    known, scored = scored_labels(predictions.labels, given)
    if not scored:
        return None
    slices = {column: f"s{place}" for place, column in enumerate(predictions.slice_columns)}
    label = predictions.label_codes("label")
    columns: dict[str, Any] = {"y": label, "hit": label == predictions.label_codes("prediction")}
    columns |= {f"p{i}": predictions.table[f"score.{known[i]}"] for i in scored}
    columns |= {key: predictions.table[f"slice.{column}"] for column, key in slices.items()}
    columns |= {key: predictions.table[name] for key, name in OPTIONAL.items() if name in given}
    return ScoredRows(nw.from_native(pa.table(columns)), predictions.labels, scored, slices, len(predictions))


def of_source(source: Source, labels: tuple[str, ...]) -> ScoredRows | None:
    """Return the scored rows of a lazy frame, which stay in their engine; None where no label has a score."""
    keys = source.keys
    known, scored = scored_labels(labels, keys)
    if not scored:
        return None
    label, answer = (_coded(source, name, labels) for name in ("label", "prediction"))
    columns = {"y": label, "hit": label == answer}
    columns |= {f"p{i}": nw.col(keys[f"score.{known[i]}"]).cast(nw.Float64) for i in scored}
    columns |= {key: nw.col(keys[name]) for key, name in OPTIONAL.items() if name in keys}
    slices = {name.removeprefix("slice."): key for name, key in keys.items() if name.startswith("slice.")}
    frame = source.frame.select(*(nw.col(key) for key in slices.values()), **columns)
    return ScoredRows(frame, labels, scored, slices, source.n)


def _coded(source: Source, column: str, labels: Sequence[str]) -> nw.Expr:
    """Return the place of each row's value among the labels; -1 for a prediction that is none of them."""
    value = nw.col(source.keys[column])
    codes = [(own, labels.index(name)) for own, name in label_values(source, column) if name in labels]
    return reduce(lambda rest, pair: nw.when(value == pair[0]).then(pair[1]).otherwise(rest), codes, nw.lit(-1))


def scored_labels(labels: tuple[str, ...], given: Iterable[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the labels, then those that only the model knows; and the places of all that have a score."""
    named = [name.removeprefix("score.") for name in given if name.startswith("score.")]
    known = (*labels, *(name for name in named if name not in labels))
    return known, tuple(i for i, name in enumerate(known) if name in named)


def binned(score: nw.Expr) -> nw.Expr:
    """Return about 8,000 ordered bins, ever finer towards 0 and 1, where the scores of a sure model lie.

    Only products with powers of two and differences that are exact in floating point: all engines agree.
    """
    near = nw.when(score < 0.5).then(score).otherwise(1.0 - score)
    # from 2⁻⁶ᵏ on: a bin is at most 1/16 as wide as the scores in it, below 2⁻¹⁸ at most 1/4; below 2⁻⁵⁴ all are one
    steps = [(2.0 ** (-6 * k), 2.0 ** (6 * k + (4 if k < 4 else 2)), 1024.0 * (9 - k)) for k in range(1, 10)]
    place = reduce(
        lambda rest, step: nw.when(near >= step[0]).then((near * step[1]).floor() + step[2]).otherwise(rest),
        steps[::-1],
        nw.lit(0.0),
    )
    return nw.when(score < 0.5).then(place).otherwise(20_000.0 - place)


def _chosen(labels: Sequence[str]) -> nw.Expr:
    """Return each row's score for its own label."""
    scores = [nw.when(nw.col("y") == i).then(nw.col(f"p{i}")).otherwise(0.0) for i in range(len(labels))]
    return nw.sum_horizontal(*scores)


def _run(frame: Any) -> pa.Table:
    return collect(frame) if isinstance(frame, nw.LazyFrame) else frame.to_arrow()


def _sums(
    table: pa.Table, margin: Margin, slice_key: str | None, clustered: bool, cells: Sequence[str], values: Sequence[str]
) -> Sums:
    """Read a grouping; values of a slice that are written alike (missing and nan) become one."""
    slices = np.zeros(table.num_rows, dtype=np.int64)
    if slice_key:
        column = col.encoded(table[slice_key], names.MISSING).chunk(0)
        place = {value: index for index, (value,) in enumerate(margin.values)}
        meant = np.array([place[value] for value in column.dictionary.to_pylist()])
        slices = meant[column.indices.to_numpy()]
    clusters = col.encoded(table["g"]).chunk(0).indices.to_numpy().astype(np.int64) if clustered else None

    def floats(key: str) -> FloatArray:
        return np.asarray(table[key].cast(pa.float64()).to_numpy())

    return Sums(
        slices, clusters, {key: floats(key) for key in cells}, floats("n"), floats("w"), floats("ww"),
        {x: (floats(f"{x}_w"), floats(f"{x}_ww"), floats(f"{x}_xx")) for x in values}, len(margin.values),
    )  # fmt: skip
