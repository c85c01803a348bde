from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlflow_evalplus
from mlflow_evalplus import names
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.errors import ColumnNotFound, DataError, EvalPlusError, RequirementsError
from mlflow_evalplus.results import Evaluation, Outcome

ENGINES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "pandas, categories": lambda frame: frame.astype({"label": "category", "channel": "category"}),
    "pandas, odd index": lambda frame: frame.set_index(np.zeros(len(frame))),
    "pandas, Arrow types": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "Polars": pl.from_pandas,
    "Polars, categories": lambda frame: pl.from_pandas(frame).cast(
        dict.fromkeys(["channel", "language"], pl.Categorical)
    ),
    "PyArrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "PyArrow, chunks": lambda frame: pa.concat_tables(
        pa.Table.from_pandas(part, preserve_index=False) for part in (frame[:7], frame[7:400], frame[400:])
    ),
}
REQUIREMENTS = {
    "slices": ["channel", "language"],
    "cluster": "customer_id",
    "thresholds": [{"metric": "accuracy", "every": "channel", "min": 0.7}],
    "error_costs": {"negative": {"positive": 20}},
}


@pytest.fixture
def holes(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with missing predictions and slice values, scores and weights."""
    rng = np.random.default_rng(0)
    frame["prediction"] = frame["prediction"].mask(rng.random(600) < 0.05)
    frame["channel"] = frame["channel"].mask(rng.random(600) < 0.05)
    return frame.assign(p_neg=rng.random(600), w=rng.uniform(0.5, 2, 600), code=rng.integers(0, 3, 600))


def everything(result: Evaluation) -> str:
    """Return all that an evaluation says, nan being equal to nan."""
    return repr(asdict(replace(result, predictions=None)))


@pytest.mark.parametrize("engine", list(ENGINES)[1:])
def test_every_engine_gives_the_equal_result(holes: pd.DataFrame, engine: str) -> None:
    def evaluated(data: Any) -> Evaluation:
        return evaluate(data, text="text", scores={"negative": "p_neg"}, weight="w", requirements=REQUIREMENTS)

    expected, result = evaluated(holes), evaluated(ENGINES[engine](holes))
    assert everything(result) == everything(expected)
    assert result.predictions.table.equals(expected.predictions.table)


@pytest.mark.parametrize("engine", list(ENGINES)[1:])
def test_integer_classes_are_the_same_in_every_engine(holes: pd.DataFrame, engine: str) -> None:
    guess = holes["code"].mask(holes.index % 9 == 0, 1).mask(holes.index % 50 == 0)
    data = holes.assign(label=holes["code"], prediction=guess)
    expected = evaluate(data, slices=["channel"])
    assert expected.labels == ("0", "1", "2")
    assert expected.confusion.predictions == ("0", "1", "2", names.OTHER)
    assert everything(evaluate(ENGINES[engine](data), slices=["channel"])) == everything(expected)


def test_the_result_is_of_builtin_types(frame: pd.DataFrame) -> None:
    """An np.float64 would break strict JSON and show in a repr."""

    def check(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                check(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                check(item)
        else:
            assert type(value) in (str, int, float, bool, type(None), Outcome), (type(value), value)

    result = evaluate(frame, requirements=REQUIREMENTS)
    check(asdict(replace(result, predictions=None, requirements=None)))


def test_the_same_rows_give_the_same_result_and_their_order_only_the_digest(holes: pd.DataFrame) -> None:
    first, again = (evaluate(holes, text="text", requirements=REQUIREMENTS) for _ in range(2))
    assert everything(first) == everything(again)
    shuffled = evaluate(holes.sample(frac=1, random_state=1), text="text", requirements=REQUIREMENTS)
    assert shuffled.confusion == first.confusion
    for name, estimate in first.metrics.items():
        assert asdict(shuffled.metrics[name]) == pytest.approx(asdict(estimate), abs=1e-9)


def test_arguments_override_the_requirements(frame: pd.DataFrame) -> None:
    asked = {**REQUIREMENTS, "intersections": 1, "confidence": 0.99}
    as_asked = evaluate(frame, requirements=asked)
    assert {row.columns for row in as_asked.slices.rows} == {("channel",), ("language",)}
    assert as_asked.confidence == 0.99
    assert "cluster" in as_asked.predictions.table.column_names
    own = evaluate(frame, requirements=asked, slices=["language", "channel"], intersections=2, confidence=0.9)
    assert ("language", "channel") in {row.columns for row in own.slices.rows}
    assert own.metrics["accuracy"].lower > as_asked.metrics["accuracy"].lower
    assert [g.outcome for g in own.verdict.gates] != []
    none = evaluate(frame, requirements={**asked, "thresholds": []}, slices=[])
    assert none.slices.rows == ()


def test_columns_are_named_by_the_requirements(frame: pd.DataFrame) -> None:
    gold = frame.rename(columns={"label": "gold", "text": "message"})
    asked = {"task": {"label": "gold", "text": "message", "labels": ["positive", "neutral", "negative"]}}
    result = evaluate(gold, requirements=asked)
    assert result.labels == ("positive", "neutral", "negative")
    assert result.predictions.table["text"].to_pylist() == frame["text"].to_list()
    # the text is wanted for the cases, but a file without it can still be counted
    assert evaluate(gold.drop(columns="message"), requirements=asked).metrics == result.metrics


def test_the_requirements_may_be_a_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "requirements.yaml"
    path.write_text("schema_version: 1\nthresholds:\n  - {metric: accuracy, min: 0.5}\n", encoding="utf-8")
    result = evaluate(frame, requirements=path)
    assert result.verdict.outcome is Outcome.PASS
    assert everything(result) == everything(evaluate(frame, requirements=str(path)))


def test_without_thresholds_the_verdict_is_undecided(frame: pd.DataFrame) -> None:
    assert evaluate(frame).verdict.outcome is Outcome.UNDECIDED


def test_one_row_is_enough() -> None:
    result = evaluate(pd.DataFrame({"label": ["a"], "prediction": ["a"], "channel": ["app"]}), slices=["channel"])
    assert (result.n, result.metrics["accuracy"].value) == (1, 1.0)
    assert result.metrics["accuracy"].small_support
    assert not result.metrics["cohen_kappa"].defined
    assert result.slices["channel=app"].n == 1


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ({}, {"slices": ["chanel"]}, ColumnNotFound, r"Did you mean 'channel'\?"),
        ({}, {"label": "lable"}, ColumnNotFound, r"Did you mean 'label'\?"),
        ({}, {"prediction": "predictions"}, ColumnNotFound, r"Did you mean 'prediction'\?"),
        ({}, {"cluster": "customer"}, ColumnNotFound, r"Did you mean 'customer_id'\?"),
        ({"label": math.nan}, {}, DataError, "600 of 600 rows have no label"),
        ({}, {"requirements": {"task": {"labels": ["negative", "positive"]}}}, DataError, "'neutral'"),
        ({"many": [f"customer {i}" for i in range(600)]}, {"slices": ["many"]}, DataError, "600 different values"),
        ({"id": 1}, {"example_id": "id"}, DataError, "599 ids in 'id' occur more than once"),
        ({"w": -1.0}, {"weight": "w"}, DataError, "'w' must hold a number above 0"),
        ({"p": 1.5}, {"scores": {"negative": "p"}}, DataError, "a probability from 0 to 1"),
        ({}, {"confidence": 1.5}, RequirementsError, "confidence"),
        ({}, {"intersections": 0}, RequirementsError, "intersections"),
        ({}, {"requirements": "nowhere.yaml"}, RequirementsError, "cannot read requirements 'nowhere.yaml'"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    frame: pd.DataFrame, change: dict[str, Any], options: dict[str, Any], error: type[EvalPlusError], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate(frame.assign(**change), **options)


def test_rows_of_the_least_weight_beside_those_of_the_greatest_count_as_nothing(frame: pd.DataFrame) -> None:
    """And nothing overflows, which would be a warning, and warnings are errors here."""
    heavy = np.arange(len(frame)) % 2 == 0
    found = evaluate(frame.assign(w=np.where(heavy, 1e50, 1e-50)), weight="w", slices=["channel"])
    alone = evaluate(frame[heavy], slices=["channel"])
    for name, metric in found.metrics.items():
        assert metric.value == pytest.approx(alone.metrics[name].value, nan_ok=True), name


def test_an_empty_frame_is_refused_by_every_engine(frame: pd.DataFrame) -> None:
    for engine in ("pandas", "Polars", "PyArrow"):
        with pytest.raises(DataError, match="no rows"):
            evaluate(ENGINES[engine](frame.head(0)))


def test_the_digest_tells_test_sets_apart(frame: pd.DataFrame) -> None:
    one = evaluate(frame, text="text")
    assert one.data_digest == evaluate(frame.assign(prediction="neutral"), text="text").data_digest
    assert one.data_digest != evaluate(frame.head(599), text="text").data_digest
    assert one.data_digest != evaluate(frame.assign(label="neutral"), text="text").data_digest


def test_tables_hold_a_row_for_each_thing(frame: pd.DataFrame) -> None:
    result = evaluate(frame, slices=["channel", "language"])
    assert result.frame()["metric"].tolist() == list(names.METRICS)
    assert result.classes.frame()["class"].tolist() == ["negative", "neutral", "positive"]
    assert len(result.slices.frame()) == 3 + 2 + 6
    assert result.confusion.frame()["n"].sum() == result.n == result.confusion.n == 600
    assert repr(result).startswith("Evaluation(n=600, accuracy=0.")


def test_evaluate_is_public() -> None:
    assert mlflow_evalplus.evaluate is evaluate
