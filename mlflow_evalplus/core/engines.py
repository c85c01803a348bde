"""Counting inside the engine that holds the rows: Polars lazy, DuckDB, Spark …; groups come back, never rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import narwhals as nw
import pyarrow as pa

from mlflow_evalplus.core import columns as col
from mlflow_evalplus.core.counts import MAX_CUBE_CELLS, Counts, count_margins
from mlflow_evalplus.core.predictions import Predictions, known_labels
from mlflow_evalplus.errors import DataError

LOCAL_ONLY = ("text", "example_id", "latency_ms", "annotator.")


@dataclass(frozen=True)
class Source:
    """A lazy frame, checked in one first pass.

    Attributes
    ----------
    frame : narwhals.LazyFrame
        Only the columns needed, under the names in `keys`; slices of many numbers already cut.
    keys : dict of str to str
        Column of the data contract → its name in `frame`: engines differ in the names they allow.
    sources : dict of str to str
        Column of the data contract → its name in the data, for messages.
    distinct : dict of str to int
        Number of values of ``label``, ``prediction`` and each ``slice.<name>``.
    n : int
        Rows.
    """

    frame: nw.LazyFrame[Any]
    keys: dict[str, str]
    sources: dict[str, str]
    distinct: dict[str, int]
    n: int


def survey(frame: nw.LazyFrame[Any], wanted: Mapping[str, str]) -> Source:
    """Check all columns of a lazy frame in one pass; a second finds the quartiles of slices of many numbers.

    Parameters
    ----------
    frame : narwhals.LazyFrame
    wanted : mapping of str to str
        Column of the data contract → column of the frame.

    Raises
    ------
    ColumnNotFound, DataError
        As `read` does for rows at hand.
    """
    local = [source for name, source in wanted.items() if name.startswith(LOCAL_ONLY)]
    if local:
        raise DataError(
            f"column {local[0]!r} is needed row by row, but the rows of a lazy frame stay where they are; collect it "
            "first: frame.collect() in Polars, .arrow() in DuckDB, .toPandas() in Spark"
        )
    col.require_columns(frame, list(wanted.values()))
    keys = {name: f"c{place}" for place, name in enumerate(wanted)}
    plain = _plain(frame, wanted, keys)
    kinds = plain.collect_schema()
    for name, key in keys.items():
        _check_kind(kinds[key], wanted[name], number=col.number_bounds(name) is not None)
    found = _one_row(plain, [nw.len().alias("n"), *_checks(keys, kinds)])
    if not found["n"]:
        raise DataError("the data has no rows; nothing can be evaluated")
    for name, key in keys.items():
        _check_values(name, wanted[name], found.get(f"bad_{key}", 0), found["n"])
    distinct = {name: found[f"distinct_{key}"] for name, key in keys.items() if f"distinct_{key}" in found}
    cut = {name: keys[name] for name, many in distinct.items() if _to_cut(name, kinds[keys[name]], many, found["n"])}
    source = Source(plain, keys, dict(wanted), distinct, found["n"])
    source = _cut(source, cut) if cut else source
    for name, many in source.distinct.items():
        if name.startswith("slice."):
            col.require_few(many, wanted[name])
    return source


def count_source(source: Source, labels: Sequence[str], margins: Sequence[tuple[str, ...]]) -> Counts:
    """Count (label, prediction) over the values of each set of slice columns, by as few groupings as fit.

    One grouping by all columns where its groups can be at most two million, else several, each by the columns of
    some of the margins. Rows of one cluster keep together: a group more for each customer and outcome.
    """
    parts = groupings(source, margins)
    counted = [count_margins(group(source, part, labels), inside) for part, inside in parts.items()]
    merged = {margin: value for counts in counted for margin, value in counts.margins.items()}
    return replace(counted[0], margins={margin: merged[margin] for margin in margins})


def groupings(source: Source, margins: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """Return sets of columns to group by, and the margins that each serves."""
    cells = source.distinct["label"] * source.distinct["prediction"]

    def fits(columns: Sequence[str]) -> bool:
        groups = cells * math.prod(source.distinct[f"slice.{column}"] for column in columns)
        return groups <= MAX_CUBE_CELLS or "cluster" in source.keys  # a cluster's groups are no more than its rows

    parts: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for margin in sorted(margins, key=len, reverse=True):
        for columns in list(parts):
            union = tuple(dict.fromkeys((*columns, *margin)))
            if union == columns or fits(union):
                parts[union] = [*parts.pop(columns), margin]
                break
        else:
            parts[margin] = [margin]
    return parts


def group(source: Source, slices: Sequence[str], labels: Sequence[str]) -> Predictions:
    """Return one row per group of alike examples: the columns of the contract with ``n`` and summed weights."""
    by = ["label", "prediction", *(f"slice.{column}" for column in slices)]
    by += ["cluster"] if "cluster" in source.keys else []
    keys = [source.keys[name] for name in by]
    weight = source.keys.get("weight")
    sums = [nw.len().alias("n").cast(nw.Int64)]
    frame = source.frame
    if weight:
        number = nw.col(weight).cast(nw.Float64)  # small integers squared overflow
        frame = frame.with_columns(weights=number, squares=number * number)
        sums += [nw.col("weights").sum(), nw.col("squares").sum()]
    table = collect(frame.group_by(*keys).agg(*sums))
    found = {name: col.convert(name, table[key], source.sources[name]) for name, key in zip(by, keys, strict=True)}
    found["n"] = table["n"].cast(pa.float64())
    if weight:
        found |= {"weight": table["weights"], "weight_squares": table["squares"]}
    named = known_labels(found["label"], found["prediction"], tuple(labels), source.sources["label"])
    return Predictions(col.table_of(found), named)


def collect(frame: nw.LazyFrame[Any]) -> pa.Table:
    """Run a query in its engine; Polars streams, since what it reads may be larger than the memory."""
    options = {"engine": "streaming"} if frame.implementation.is_polars() else {}
    return frame.collect("pyarrow", **options).to_native()


def _plain(frame: nw.LazyFrame[Any], wanted: Mapping[str, str], keys: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """Return the wanted columns under plain names; to some engines a dot in one parts table and column."""
    known = frame.collect_schema().names()
    places = [f"p{place}" for place in range(len(known))]
    if frame.implementation.is_spark_like():
        frame = nw.from_native(frame.to_native().toDF(*places))
    elif frame.implementation.is_duckdb():
        quoted = (f'"{name.replace(chr(34), chr(34) * 2)}"' for name in known)
        pairs = (f"{name} AS {place}" for name, place in zip(quoted, places, strict=True))
        frame = nw.from_native(frame.to_native().project(", ".join(pairs)))
    else:
        places = known
    place = dict(zip(known, places, strict=True))
    return frame.select(*(nw.col(place[source]).alias(keys[name]) for name, source in wanted.items()))


def _check_kind(kind: nw.dtypes.DType, source: str, *, number: bool) -> None:
    if kind.is_nested():
        raise DataError(f"column {source!r} holds {kind}; give one plain value per row")
    if number and not kind.is_numeric():
        raise DataError(f"column {source!r} must hold numbers, but its type is {kind}")


def _checks(keys: Mapping[str, str], kinds: nw.Schema) -> list[nw.Expr]:
    """Return what one pass finds out of every column: its number of values, or of bad ones."""
    checks = []
    for name, key in keys.items():
        value, bounds = nw.col(key), col.number_bounds(name)
        missing = value.is_null() | _nan(value, kinds[key]).fill_null(value=False)
        if bounds:
            number = value.cast(nw.Float64)
            inside = (number >= bounds[0]) & (number <= bounds[1]) & number.is_finite()
            checks.append(_count(~inside.fill_null(value=False)).alias(f"bad_{key}"))
        elif name in ("label", "cluster"):
            checks.append(_count(missing).alias(f"bad_{key}"))
        if not bounds and name != "cluster":
            checks.append(_known(value, kinds[key]).n_unique().alias(f"distinct_{key}"))
    return checks


def _nan(value: nw.Expr, kind: nw.dtypes.DType) -> nw.Expr:
    return value.is_nan() if kind.is_float() else nw.lit(value=False)


def _known(value: nw.Expr, kind: nw.dtypes.DType) -> nw.Expr:
    return nw.when(~value.is_nan()).then(value).otherwise(None) if kind.is_float() else value


def _count(condition: nw.Expr) -> nw.Expr:
    return condition.cast(nw.Int64).sum()


def _check_values(name: str, source: str, bad: int, n: int) -> None:
    bounds = col.number_bounds(name)
    if not bad:
        return
    if bounds:
        raise DataError(f"column {source!r} must hold {bounds[2]}; {bad:,} of {n:,} rows do not")
    if name == "label":
        raise DataError(f"{bad:,} of {n:,} rows have no label in {source!r}; label or remove them")
    raise DataError(
        f"{bad:,} rows have no value in the cluster column {source!r}; give each row its own value where it belongs "
        "to no group"
    )


def _to_cut(name: str, kind: nw.dtypes.DType, distinct: int, n: int) -> bool:
    return name.startswith("slice.") and kind.is_numeric() and col.to_cut(distinct, n, whole=kind.is_integer())


def _cut(source: Source, cut: Mapping[str, str]) -> Source:
    """Cut slices of many numbers at their quartiles."""
    kinds = source.frame.collect_schema()
    known = {key: _known(nw.col(key), kinds[key]).cast(nw.Float64) for key in cut.values()}
    frame = source.frame.with_columns(**known)
    asked = [
        expression
        for key in cut.values()
        for expression in (
            *(nw.col(key).quantile(q, "linear").alias(f"{key}_{place}") for place, q in enumerate(col.QUARTILES)),
            nw.col(key).min().alias(f"{key}_min"),
            nw.col(key).max().alias(f"{key}_max"),
        )
    ]
    found = _one_row(frame, asked)
    distinct = dict(source.distinct)
    for name, key in cut.items():
        quartiles = [found[f"{key}_{place}"] for place in range(len(col.QUARTILES))]
        edges = col.cut_points(quartiles, found[f"{key}_min"], found[f"{key}_max"])
        frame = frame.with_columns(_bins(nw.col(key), edges).alias(key))
        distinct[name] = len(edges) + 2
    return replace(source, frame=frame, distinct=distinct)


def _bins(number: nw.Expr, edges: Sequence[float]) -> nw.Expr:
    *lower, top = col.bin_names(edges)
    steps = list(zip(edges, lower, strict=True))[::-1]
    above = nw.when(~number.is_null()).then(nw.lit(top)).otherwise(nw.lit(None, nw.String))
    return reduce(lambda rest, step: nw.when(number <= step[0]).then(nw.lit(step[1])).otherwise(rest), steps, above)


def _one_row(frame: nw.LazyFrame[Any], asked: Sequence[nw.Expr]) -> dict[str, Any]:
    """Return aggregates of a frame; of Polars one by one, since together they would hold their columns in memory."""
    queries = [[expression] for expression in asked] if frame.implementation.is_polars() else [asked]
    rows = [collect(frame.select(*query)).to_pylist()[0] for query in queries]
    row = {name: value for part in rows for name, value in part.items()}
    return {name: value if isinstance(value, float) else int(value or 0) for name, value in row.items()}


def label_values(source: Source, column: str = "label") -> list[tuple[Any, str]]:
    """Return each label (or prediction) as the engine holds it, and as it is written here."""
    key = source.keys[column]
    found = collect(source.frame.select(key).unique())[key]
    return list(zip(found.to_pylist(), col.strings(found).to_pylist(), strict=True))
