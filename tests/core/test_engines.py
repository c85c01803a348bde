"""One answer, whatever holds the rows: pandas, PyArrow, Polars lazy, DuckDB and Spark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core import counts as counting
from mlflow_evalplus.core import engines, scores
from mlflow_evalplus.core.counts import crossings
from mlflow_evalplus.errors import ColumnNotFound, DataError, EvalPlusError
from mlflow_evalplus.results import Evaluation
from tests.generated import inputs

LAZY: dict[str, Callable[[pa.Table], Any]] = {
    "Polars lazy": lambda table: pl.from_arrow(table).lazy(),
    "DuckDB": duckdb.from_arrow,
}
OTHERS = {"PyArrow": lambda table: table, **LAZY}

# Values, and as what they are stored. Each label's universe ends with one that is only ever predicted.
TEXTS = ["差 评", "c.d", 'it\'s "so"', "😀", "a,b=c", "(other )", "é"]
LABELS: list[tuple[list[Any], pa.DataType]] = [
    (["差 评", "c.d", 'it\'s "so"', "😀"], pa.string()),
    (["b", "a", "😀"], pa.dictionary(pa.int32(), pa.string())),
    ([True, False], pa.bool_()),
    ([1, 2, 10, -3], pa.int8()),
    ([1.0, 2.0, 10.0], pa.float32()),
    ([0.1, 2.0, -0.0], pa.float32()),
    ([0.5, 2.0, -0.0, 1e300], pa.float64()),
    (["only", "none"], pa.string()),
]
COLUMNS: dict[str, tuple[list[Any], pa.DataType]] = {
    "渠道": ([*TEXTS, None], pa.string()),
    "a kind": (["x y", "", None], pa.dictionary(pa.int32(), pa.string())),
    'is "new".': ([True, False, None], pa.bool_()),
    "tier": ([1, 2, 3, None], pa.int16()),
    "one.price": ([0.0, -0.0, 2.5, math.nan, None], pa.float64()),
    # quartiles of eighths are exact in every engine; from the ninth row on more than 20 different ones are likely
    "amount": ([*(i / 8 for i in range(-30, 60)), math.nan, None], pa.float64()),
    "count": ([*range(0, 900, 7), None], pa.int32()),
}


@st.composite
def questions(draw: st.DrawFn) -> tuple[pa.Table, dict[str, Any]]:
    """Rows, and what is asked of them."""
    n = draw(st.sampled_from([1, 2, 9, 40, 120]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    universe, kind = draw(st.sampled_from(LABELS))
    labels = universe[: draw(st.integers(1, len(universe)))]
    missing = [None, math.nan] if pa.types.is_floating(kind) else [None]

    def column(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pa.array([values[i] for i in rng.integers(0, len(values), n)], kind)

    slices = draw(st.lists(st.sampled_from(list(COLUMNS)), max_size=3, unique=True))
    rows = {"gold": column(labels, kind), "said so": column([*universe, *labels * 3, *missing], kind)}
    rows |= {name: column(*COLUMNS[name]) for name in slices}
    rows |= {"customer.id": column(draw(st.sampled_from([[1, 2, 5], list(range(40)), [0.5, 1.0]])), None)}
    # sums of whole numbers are exact in any order; 100² does not fit into the 8 bits of 100
    rows |= {"w": column([1, 2, 100], draw(st.sampled_from([pa.int8(), pa.float32(), pa.float64()])))}
    asked: dict[str, Any] = {"task": {"label": "gold"}, "slices": slices, "intersections": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        asked["task"]["labels"] = ["never", *sorted({written(label) for label in labels})]
        asked["error_costs"] = {"never": {"never": 0}, written(labels[0]): {"never": 3}}
    if draw(st.booleans()):
        asked["cluster"] = "customer.id"
    asked["thresholds"] = [
        {"metric": "accuracy", "min": 0.6},
        *({"metric": "f1_macro", "every": c, "min": 0.1} for c in slices),
    ]
    return pa.table(rows), {"requirements": asked, "weight": draw(st.sampled_from([None, "w"]))}


def written(label: Any) -> str:
    return str(int(label)) if isinstance(label, float) and label.is_integer() and abs(label) < 2**53 else str(label)


def evaluated(frame: Any, options: dict[str, Any]) -> Evaluation:
    return ep.evaluate(frame, prediction="said so", **options)


@settings(deadline=None, max_examples=inputs(25))
@given(questions())
def test_every_engine_gives_the_identical_result(question: tuple[pa.Table, dict[str, Any]]) -> None:
    table, options = question
    expected = evaluated(table.to_pandas(), options)
    assert expected.data_digest
    for engine, of in OTHERS.items():
        assert evaluated(of(table), options) == expected, engine


def test_missing_and_not_a_number_are_one_value(many: pa.Table) -> None:
    """Pandas has one of them, the others both: 19 numbers and these are 20 values, which are not yet cut."""
    price = pa.array([None, math.nan, *(i / 4 for i in range(19))] * 10)
    table = many.slice(0, len(price)).append_column("price", price)
    expected = ep.evaluate(table.to_pandas(), slices=["price"])
    assert len(expected.slices.rows) == 20
    for engine, of in OTHERS.items():
        assert ep.evaluate(of(table), slices=["price"]) == expected, engine


@pytest.fixture
def many() -> pa.Table:
    """3,000 rows of 12 alike groups, in three customers, with a score each."""
    rng = np.random.default_rng(5)
    columns = {"label": ["no", "yes"], "prediction": ["no", "yes", None], "channel": ["app", "web"]}
    rows = {name: [values[i] for i in rng.integers(0, len(values), 3000)] for name, values in columns.items()}
    p = rng.random(3000)
    return pa.table({**rows, "c": rng.integers(0, 3, 3000), "w": rng.uniform(0.5, 2, 3000), "p": p, "q": 1 - p})


def spied(patch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that will hold how many rows each query brought back."""
    brought: list[int] = []
    collect = engines.collect

    def noted(frame: Any) -> pa.Table:
        table = collect(frame)
        brought.append(table.num_rows)
        return table

    patch.setattr(engines, "collect", noted)
    patch.setattr(scores, "collect", noted)
    return brought


@pytest.mark.parametrize("engine", LAZY)
def test_groups_come_back_and_never_rows(many: pa.Table, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    brought = spied(monkeypatch)
    options: dict[str, Any] = {"slices": ["channel"], "weight": "w"}
    result = ep.evaluate(LAZY[engine](many), **options)
    assert (result.n, result.predictions) == (3000, None)
    assert max(brought) == 12
    brought.clear()
    ep.evaluate(LAZY[engine](many), cluster="c", **options)
    assert max(brought) == 36
    brought.clear()
    monkeypatch.setattr(scores, "EXACT_ROWS", 0)
    ep.evaluate(LAZY[engine](many), scores={"no": "q", "yes": "p"}, **options)
    assert len(brought) > 5
    # the ranking within each channel: no more than its bins (a thousand lie between 1/64 and 63/64), by label
    assert max(brought) < 3000


@pytest.mark.parametrize("engine", LAZY)
def test_only_the_named_columns_are_asked_for(many: pa.Table, engine: str) -> None:
    """A wide table on disk is read in part; here the other column cannot be read at all."""

    def explode(_: object) -> pl.Series:
        raise AssertionError("the column was read")

    if engine == "DuckDB":
        trap: Any = duckdb.from_arrow(many).project("*, error('the column was read') as other")
    else:
        trap = pl.from_arrow(many).lazy().with_columns(other=pl.col("label").map_batches(explode, pl.String))
    options: dict[str, Any] = {"slices": ["channel"], "cluster": "c", "scores": {"no": "q", "yes": "p"}}
    assert ep.evaluate(trap, **options).n == 3000
    with pytest.raises(Exception, match="the column was read"):
        ep.evaluate(trap, slices=["other"])


@settings(deadline=None, max_examples=inputs(15))
@given(questions(), st.sampled_from([1, 20, 100]))
def test_several_groupings_give_what_one_gives(question: tuple[pa.Table, dict[str, Any]], most: int) -> None:
    table, options = question
    expected = evaluated(table.to_pandas(), options)
    with pytest.MonkeyPatch.context() as patch:
        for module in (engines, counting):
            patch.setattr(module, "MAX_CUBE_CELLS", most)
        for engine, of in LAZY.items():
            assert evaluated(of(table), options) == expected, engine


@settings(deadline=None, max_examples=inputs(60))
@given(
    distinct=st.lists(st.integers(1, 200), min_size=1, max_size=8),
    depth=st.integers(1, 3),
    most=st.sampled_from([0, 1_000, 2_000_000]),
    clustered=st.booleans(),
)
def test_groupings_serve_every_margin_once_and_fit(distinct: list[int], depth: int, most: int, clustered: bool) -> None:
    columns = [f"s{place}" for place in range(len(distinct))]
    known = {"label": 3, "prediction": 4, **{f"slice.{c}": many for c, many in zip(columns, distinct, strict=True)}}
    keys = {name: name for name in [*known, *(["cluster"] if clustered else [])]}
    source = engines.Source(None, keys, keys, known, 1000)  # type: ignore[arg-type]
    margins = crossings(columns, depth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "MAX_CUBE_CELLS", most)
        parts = engines.groupings(source, margins)
    assert sorted(margin for served in parts.values() for margin in served) == sorted(margins)
    for part, served in parts.items():
        assert set(part) == {column for margin in served for column in margin}
        cells = 12 * math.prod(known[f"slice.{column}"] for column in part)
        # one margin must be counted whatever its size, and those inside it come for nothing
        assert cells <= most or clustered or part in served
    assert len(parts) == 1 or not clustered


def figures(result: Evaluation) -> dict[str, Any]:
    """Return all that an evaluation says, by where it says it."""

    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, item in value.items():
                yield from walk(item, f"{path}.{key}")
        elif isinstance(value, (list, tuple)):
            for place, item in enumerate(value):
                yield from walk(item, f"{path}.{place}")
        else:
            yield path, value

    return dict(walk(asdict(replace(result, predictions=None, requirements=None)), ""))


def assert_alike(result: Evaluation, expected: Evaluation) -> None:
    """Sums of scores differ in the last digits, as engines add in different orders."""
    found, wanted = figures(result), figures(expected)
    assert list(found) == list(wanted)
    for path, value in wanted.items():
        assert found[path] == (pytest.approx(value, abs=1e-9, nan_ok=True) if isinstance(value, float) else value), path


@st.composite
def scored(draw: st.DrawFn) -> tuple[pa.Table, dict[str, Any]]:
    """Rows with probabilities of two or three labels: ties, 0 and 1 among them, or some that do not sum to 1."""
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = ["好", "b.c", "none"][: draw(st.integers(2, 3))]
    p = rng.dirichlet([draw(st.sampled_from([0.05, 1.0]))] * len(labels), n)
    if draw(st.booleans()):  # eighths: many ties
        p[:, 0] = np.round(p[:, 0] * 8) / 8
        p[:, 1:] = (1 - p[:, :1]) / (len(labels) - 1)
    if draw(st.booleans()):
        p[0] = 0
    rows = {name: rng.choice(labels, n) for name in ("label", "prediction")}
    rows["a slice"] = [[None, "x", "y"][i] for i in rng.integers(0, 3, n)]
    rows |= {"c": rng.integers(0, 5, n), "w": rng.uniform(0.1, 3, n)}
    rows |= {f"p.{i}": p[:, i] for i in range(len(labels))}
    options: dict[str, Any] = {"slices": ["a slice"], "scores": {label: f"p.{i}" for i, label in enumerate(labels)}}
    chosen = draw(st.lists(st.sampled_from([("cluster", "c"), ("weight", "w")]), unique=True))
    return pa.table(rows), {**options, **dict(chosen)}


@pytest.mark.slow
@settings(deadline=None, max_examples=inputs(7))
@given(scored(), st.sampled_from([scores.EXACT_ROWS, 0]))
def test_scores_are_worth_the_same_in_every_engine(question: tuple[pa.Table, dict[str, Any]], exact_rows: int) -> None:
    table, options = question
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "EXACT_ROWS", exact_rows)
        expected = ep.evaluate(table.to_pandas(), **options)
        assert any(name.startswith("roc_auc") for row in expected.classes.rows for name in row.metrics)
        for of in OTHERS.values():
            assert_alike(ep.evaluate(of(table), **options), expected)


ROWS: dict[str, pa.Array] = {
    "label": pa.array(["a", "b"] * 150),
    "prediction": pa.array(["a", "b"] * 150),
    "channel": pa.array(["app", "web", None] * 100),
    "c": pa.array([1, 2, 3] * 100),
    "w": pa.array([1.0, 2.0] * 150),
    "p": pa.array([0.25, 1.0] * 150),
}


def holding(value: Any, column: str) -> dict[str, pa.Array]:
    """Return the column with another value in its second row."""
    values = ROWS[column].to_pylist()
    return {column: pa.array([values[0], value, *values[2:]])}


REFUSED: list[tuple[dict[str, pa.Array], dict[str, Any], type[EvalPlusError], str]] = [
    *((holding(v, "w"), {"weight": "w"}, DataError, "'w' must hold a number above 0 and .*; .*row")
      for v in (0.0, -1.0, 1e200, math.nan, math.inf, None)),
    *((holding(v, "p"), {"scores": {"a": "p"}}, DataError, "'p' must hold a probability from 0 to 1; .*row")
      for v in (-0.01, 1.01, math.nan, None)),
    ({"w": pa.array(["heavy"] * 300)}, {"weight": "w"}, DataError, "'w' must hold .*, but its type is"),
    ({"p": pa.array(["sure"] * 300)}, {"scores": {"a": "p"}}, DataError, "'p' must hold .*, but its type is"),
    (holding(None, "label"), {}, DataError, "1 of 300 rows have no label in 'label'"),
    ({"label": pa.array([1.0, math.nan, None] * 100)}, {}, DataError, "200 of 300 rows have no label in 'label'"),
    (holding(None, "c"), {"cluster": "c"}, DataError, "1 rows have no value in the cluster column 'c'"),
    ({"c": pa.array([0.5, math.nan, 1.5] * 100)}, {"cluster": "c"}, DataError, "100 rows have no value in the cluster"),
    ({"s": pa.array([f"name {i}" for i in range(300)])}, {"slices": ["s"]}, DataError,
     "slice column 's' has 300 different values, at most 200 .* use it as 'cluster'"),
    ({"s": pa.array(range(300))}, {"slices": ["s"]}, DataError, "slice column 's' has 300 different values"),
    ({"label": pa.array([["a"]] * 300)}, {}, DataError, "column 'label' holds [lL]ist.*; give one plain value per row"),
    (holding(names.OTHER, "label"), {}, DataError, "is reserved"),
    ({}, {"requirements": {"task": {"labels": ["aa", "b"]}}}, DataError,
     r"'label' holds labels that are not declared: \['a'\]; declared are .*Did you mean 'aa'\?"),
    ({}, {"requirements": {"task": {"labels": ["a", "b"]}}, "scores": {"c": "p"}}, DataError,
     "scores name the label 'c'"),
    ({}, {"slices": ["chanel"]}, ColumnNotFound, r"'chanel' is not in the data; .*Did you mean 'channel'\?"),
    ({}, {"label": "lable"}, ColumnNotFound, r"'lable' is not in the data; .*Did you mean 'label'\?"),
    ({}, {"scores": {"a": "q"}}, ColumnNotFound, "'q' is not in the data"),
    ({}, {"cluster": "customer"}, ColumnNotFound, "'customer' is not in the data"),
    ({}, {"weight": "weight"}, ColumnNotFound, "'weight' is not in the data"),
    ({name: column.slice(0, 0) for name, column in ROWS.items()},
     {"slices": ["channel"], "weight": "w", "cluster": "c", "scores": {"a": "p"}}, DataError,
     "the data has no rows; nothing can be evaluated"),
    ({}, {"slices": ["text_length"]}, DataError, "slice 'text_length' comes from the texts"),
]  # fmt: skip


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize(
    ("change", "options", "error", "words"), REFUSED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_what_is_wrong_is_said_alike_by_every_engine(
    change: dict[str, pa.Array], options: dict[str, Any], error: type[EvalPlusError], words: str, engine: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        ep.evaluate(OTHERS[engine](pa.table({**ROWS, **change})), **options)
    assert type(raised.value) is error


@pytest.mark.parametrize("engine", LAZY)
@pytest.mark.parametrize("option", ["text", "example_id", "annotators"])
def test_what_is_needed_row_by_row_is_refused_with_the_way_out(engine: str, option: str) -> None:
    given = ["channel"] if option == "annotators" else "channel"
    with pytest.raises(DataError, match=r"'channel' is needed row by row, .*collect it first: frame\.collect"):
        ep.evaluate(LAZY[engine](pa.table(ROWS)), **{option: given})
    # a column 'text' that nobody named is no reason to refuse; at hand it would be taken
    assert ep.evaluate(LAZY[engine](pa.table({**ROWS, "text": ROWS["channel"]}))).n == 300


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql")
    settings_ = {"ui.enabled": "false", "sql.shuffle.partitions": "2", "driver.bindAddress": "127.0.0.1"}
    builder = sql.SparkSession.builder.master("local[2]")
    for key, value in settings_.items():
        builder = builder.config(f"spark.{key}", value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def in_spark(session: Any, table: pa.Table) -> Any:
    """Return the rows as a Spark frame, which knows no categories."""
    plain = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return session.createDataFrame(table.cast(pa.schema(plain)))


on_spark = pytest.mark.filterwarnings("ignore::FutureWarning:pyspark.*", "ignore::DeprecationWarning:pyspark.*")


@pytest.mark.slow
@on_spark
@settings(deadline=None, max_examples=inputs(6), phases=[Phase.explicit, Phase.generate], derandomize=True)
@given(questions())
def test_spark_gives_the_identical_result(spark: Any, question: tuple[pa.Table, dict[str, Any]]) -> None:
    table, options = question
    assert evaluated(in_spark(spark, table), options) == evaluated(table.to_pandas(), options)


@pytest.mark.slow
@on_spark
def test_spark_scores_names_with_dots_and_its_errors(spark: Any) -> None:
    """Spark takes ``a.b`` for field b of a, and nan for the greatest number."""
    rng = np.random.default_rng(3)
    p = np.round(rng.random(300) * 64) / 64
    rows = pa.table({**ROWS, "p.好 x": p, "`q`": 1 - p, "一 .b": rng.choice(["x.y", "`z`", "\\"], 300)})
    options: dict[str, Any] = {
        "slices": ["一 .b"],
        "scores": {"a": "p.好 x", "b": "`q`"},
        "weight": "w",
        "cluster": "c",
    }
    assert_alike(ep.evaluate(in_spark(spark, rows), **options), ep.evaluate(rows.to_pandas(), **options))
    for column, option, words in (
        ("w", {"weight": "w"}, "'w' must hold a number above 0 and .*; 1 of 300 rows do not"),
        ("p", {"scores": {"a": "p"}}, "'p' must hold a probability from 0 to 1; 1 of 300 rows do not"),
    ):
        with pytest.raises(DataError, match=words):
            ep.evaluate(in_spark(spark, pa.table({**ROWS, **holding(math.nan, column)})), **option)
    with pytest.raises(DataError, match="no rows"):
        ep.evaluate(in_spark(spark, rows).limit(0), **options)
