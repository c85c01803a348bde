"""Ask a model, once, and time it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc import PyFuncModel

from mlflow_evalplus.asking import secrets
from mlflow_evalplus.core.applied_rules import score_columns
from mlflow_evalplus.core.columns import require_columns
from mlflow_evalplus.core.latency import percentiles, throughput
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results import Latency
from mlflow_evalplus.tracking import footprint as fresh
from mlflow_evalplus.tracking import timing
from mlflow_evalplus.tracking.fresh_process import brief
from mlflow_evalplus.tracking.machine import hardware, other_load, threads, usage

# Their predict is not the most probable class, so they are asked for predictions and not for probabilities.
OWN_PREDICT = ("SVC", "NuSVC", "FixedThresholdClassifier", "TunedThresholdClassifierCV")
PREDICTION_COLUMNS = ("prediction", "predictions", "label", "labels")


@dataclass(frozen=True)
class Answers:
    """What a model said: one prediction per row, class probabilities where it gives them; `notes` on what failed.

    `base` are the probabilities before keyword rules on top, of a model that gives these too.
    """

    predictions: Sequence[Any]
    scores: Mapping[str, Sequence[float]]
    latency: Latency
    notes: tuple[str, ...] = ()
    base: Mapping[str, Sequence[float]] = field(default_factory=dict)


def ask(
    model: PyFuncModel,
    features: pd.DataFrame,
    *,
    hidden: Sequence[str | None] = (),
    labels: Sequence[str] = (),
    output: str | None = None,
    requests: int = 200,
    confidence: float = 0.95,
    footprint: bool | str = False,
    on_answers: Callable[[Answers], object] = lambda answers: None,
) -> Answers:
    """Predict every row in one call, then time single-row requests and batches on a sample.

    Parameters
    ----------
    model : mlflow.pyfunc.PyFuncModel
        Asked for its inputs only: columns outside its signature are not passed to it.
    features : pandas.DataFrame
    hidden : sequence of str, optional
        Columns that only a model whose signature names them is given.
    labels : sequence of str, optional
        Names of the columns of a probability matrix, where the model does not name them.
    output : str, optional
        Column of the prediction, where the model returns several.
    requests : int
        Single-row requests to time (10 seconds at most); 0 for none, nor batches. Below 200 batches are timed more
        shortly, too.
    confidence : float
        Of the latency intervals.
    footprint : bool or str
        Whether to measure load time, size and memory in a fresh process, where requests are timed; or where the model
        is saved.
    on_answers : callable
        Is told the answers before anything is timed.

    Raises
    ------
    DataError
        The model lacks a column or fails, returns another number of answers than rows, or nothing that can be
        read as answers.
    """
    fresh.check(footprint)
    features = inputs_only(model, features, hidden)
    call, classes = caller(model)
    before, start = usage(), time.perf_counter()
    raw = call_model(call, features)
    seconds, after = time.perf_counter() - start, usage()
    predictions, scores = read_output(raw, classes or labels, output)
    if len(predictions) != len(features):
        raise DataError(
            f"the model returned {len(predictions)} predictions for {len(features)} rows. A scikit-learn text pipeline "
            "that is given a data frame iterates its columns; choose the text column inside it: "
            "ColumnTransformer([('text', TfidfVectorizer(), 'text')])"
        )
    n, notes = len(features), tuple[str, ...]()
    latency = Latency({}, n, seconds, hardware(), cpu_s_per_1000=1000 * (after.own - before.own) / n)
    answers = Answers(predictions, scores, latency, base=read_base(raw))
    on_answers(answers)
    if requests:
        latency, notes = _timed(latency, model.predict, features, requests, confidence)
    latency = replace(latency, other_load=other_load(before, usage()), threads=threads())
    if requests and footprint:
        found, why = fresh.measure(model, features, footprint)
        latency, notes = replace(latency, footprint=found), (*notes, *why)
    return replace(answers, latency=latency, notes=notes)


def _timed(
    latency: Latency, predict: Callable[[pd.DataFrame], Any], features: pd.DataFrame, requests: int, confidence: float
) -> tuple[Latency, tuple[str, ...]]:
    """Add single requests and batches; a model that fails on them does not lose its answers."""
    try:
        single = timing.time_requests(predict, features, requests)
        batches = timing.time_batches(
            predict, features, latency.batch_seconds / latency.batch_size, float(np.median(single)) / 1000,
            min(1.0, requests / timing.ENOUGH),
        )  # fmt: skip
    except Exception as error:  # a model may fail in any way
        return latency, (f"The latency is not known: the model failed on a part of the rows: {brief(error)}",)
    rates = throughput({1: single / 1000, **batches}, confidence)
    return replace(latency, single=percentiles(single, confidence), throughput=rates), ()


def call_model(call: Callable[[pd.DataFrame], Any], features: pd.DataFrame) -> Any:
    """Return what a model says.

    Raises
    ------
    DataError
        It fails, in whatever way.
    """
    try:
        return call(features)
    except Exception as error:  # a model may fail in any way
        first = next(iter(str(error).splitlines()), "")
        columns = shorten(features.columns)
        said = f"{type(error).__name__}: {secrets.hidden(first)}"
        raise DataError(f"the model failed on the columns {columns}: {said}") from error


def inputs_only(model: PyFuncModel, features: pd.DataFrame, hidden: Sequence[str | None]) -> pd.DataFrame:
    """Return the columns of the model's signature; without one all but the hidden ones.

    Raises
    ------
    ColumnNotFound
        A required one is not there.
    """
    metadata = _metadata(model)
    schema = metadata.get_input_schema() if metadata else None
    if schema and schema.has_input_names():
        require_columns(features, schema.required_input_names())
        return features[[name for name in schema.input_names() if name in features.columns]]
    return features[[name for name in features.columns if name not in hidden]]


def _metadata(model: PyFuncModel) -> Any:
    return getattr(model, "metadata", None)  # MLflow wraps a plain function into what has none


def _flavor(model: PyFuncModel) -> Mapping[str, Any]:
    metadata = _metadata(model)
    return (metadata.flavors if metadata else {}).get("python_function", {})  # type: ignore[no-any-return]


def loader(model: PyFuncModel) -> str:
    """Return the module that loads the model, such as ``mlflow.sklearn``; empty for a plain function."""
    return str(_flavor(model).get("loader_module", ""))


def caller(model: PyFuncModel) -> tuple[Callable[[pd.DataFrame], Any], Sequence[Any]]:
    """Return what to call, and the classes it gives probabilities for: predict_proba of a classifier."""
    asked = _flavor(model).get("predict_fn", "predict")
    if loader(model) == "mlflow.sklearn" and asked in ("predict", "predict_proba"):
        estimator = model.get_raw_model()
        can = hasattr(estimator, "predict_proba") and hasattr(estimator, "classes_")
        if can and (asked == "predict_proba" or _final(estimator) not in OWN_PREDICT):
            return estimator.predict_proba, [c.item() if isinstance(c, np.generic) else c for c in estimator.classes_]
    return model.predict, ()


def _final(estimator: Any) -> str:
    """Return the class name of what decides at the end of pipelines and searches."""
    while True:
        inner = getattr(estimator, "best_estimator_", None) or (getattr(estimator, "steps", None) or [(0, None)])[-1][1]
        if inner is None:
            return type(estimator).__name__
        estimator = inner


def _name(value: Any) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def read_output(
    raw: Any, classes: Sequence[Any] = (), output: str | None = None
) -> tuple[Sequence[Any], dict[str, Sequence[float]]]:
    """Read what MLflow models return as (predictions, scores by label).

    A data frame with a ``prediction`` (or ``label``) column and ``score.<label>`` columns; a matrix of
    probabilities, its columns the classes; a list of ``{"label": …}``; or one column of labels.

    Examples
    --------
    >>> read_output(np.array([[0.2, 0.8]]), ["no", "yes"])
    (['yes'], {'no': [0.2], 'yes': [0.8]})
    >>> read_output(["yes", "no"])
    (['yes', 'no'], {})
    """
    if isinstance(raw, list) and raw and isinstance(raw[0], Mapping):
        raw = pd.DataFrame(raw)
    if isinstance(raw, pd.DataFrame):
        return _read_frame(raw, output)
    values = np.asarray(raw)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 1:
        return values.tolist(), {}
    if values.ndim == 2 and len(classes) == values.shape[1] and np.issubdtype(values.dtype, np.floating):
        scores: dict[str, Sequence[float]] = {_name(c): values[:, i].tolist() for i, c in enumerate(classes)}
        return [classes[i] for i in values.argmax(axis=1)], scores
    raise DataError(
        f"the model returned an array of shape {values.shape}; one label per row is read, or a matrix of "
        f"probabilities with one column per label ({len(classes)} labels are known: {shorten(classes)})"
    )


def read_base(raw: Any) -> dict[str, Sequence[float]]:
    """Return label → scores of the ``base.<label>`` columns of what a model returned, in its order.

    Examples
    --------
    >>> read_base(pd.DataFrame({"prediction": ["yes"], "base.yes": [0.8], "base.no": [0.2]}))
    {'yes': [0.8], 'no': [0.2]}
    """
    if not isinstance(raw, pd.DataFrame):
        return {}
    return {label: raw[column].tolist() for label, column in score_columns(map(str, raw.columns), "base").items()}


def _read_frame(frame: pd.DataFrame, output: str | None) -> tuple[Sequence[Any], dict[str, Sequence[float]]]:
    columns = [str(column) for column in frame.columns]
    frame = frame.set_axis(columns, axis=1)
    named = [output] if output else [c for c in PREDICTION_COLUMNS if c in columns] or columns[: len(columns) == 1]
    if not named or named[0] not in columns:
        raise DataError(
            f"no column of the model's output {shorten(columns)} is the prediction; name it 'prediction', or pass "
            "predictions='<column>' to mlflow.models.evaluate"
        )
    given = [column for column in columns if column.startswith("score.")]
    scores: dict[str, Sequence[float]] = {c.removeprefix("score."): frame[c].tolist() for c in given}
    return frame[named[0]].tolist(), scores
