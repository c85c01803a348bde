"""Ask a model, once, and time it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc import PyFuncModel

from mlflow_evalplus.core.columns import require_columns
from mlflow_evalplus.core.latency import percentiles
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results import Latency

WARM_UP = 5
MAX_SECONDS = 5.0  # spent on single requests
# Their predict is not the most probable class, so they are asked for predictions and not for probabilities.
OWN_PREDICT = ("SVC", "NuSVC", "FixedThresholdClassifier", "TunedThresholdClassifierCV")
PREDICTION_COLUMNS = ("prediction", "predictions", "label", "labels")


@dataclass(frozen=True)
class Answers:
    """What a model said: one prediction per row, and class probabilities where it gives them."""

    predictions: Sequence[Any]
    scores: Mapping[str, Sequence[float]]
    latency: Latency


def ask(
    model: PyFuncModel,
    features: pd.DataFrame,
    *,
    hidden: Sequence[str | None] = (),
    labels: Sequence[str] = (),
    output: str | None = None,
    requests: int = 200,
    confidence: float = 0.95,
) -> Answers:
    """Predict every row in one call, then time single-row requests on a sample.

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
        Single-row requests to time (5 seconds at most); 0 for none.
    confidence : float
        Of the latency intervals.

    Raises
    ------
    DataError
        The model lacks a column or fails, returns another number of answers than rows, or nothing that can be
        read as answers.
    """
    features = inputs_only(model, features, hidden)
    call, classes = caller(model)
    start = time.perf_counter()
    raw = call_model(call, features)
    seconds = time.perf_counter() - start
    predictions, scores = read_output(raw, classes or labels, output)
    if len(predictions) != len(features):
        raise DataError(
            f"the model returned {len(predictions)} predictions for {len(features)} rows. A scikit-learn text pipeline "
            "that is given a data frame iterates its columns; choose the text column inside it: "
            "ColumnTransformer([('text', TfidfVectorizer(), 'text')])"
        )
    single = percentiles(_time_single(model.predict, features, requests), confidence) if requests else {}
    return Answers(predictions, scores, Latency(single, len(features), seconds, machine()))


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
        raise DataError(f"the model failed on the columns {columns}: {type(error).__name__}: {first}") from error


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


def _time_single(predict: Callable[[pd.DataFrame], Any], features: pd.DataFrame, requests: int) -> np.ndarray:
    """Return milliseconds of up to `requests` one-row calls on rows spread evenly over the data."""
    places = np.linspace(0, len(features) - 1, requests + WARM_UP).astype(int)
    stop = time.perf_counter() + MAX_SECONDS
    taken = []
    for place in places:
        row = features.iloc[[place]]
        start = time.perf_counter()
        predict(row)
        end = time.perf_counter()
        taken.append(1000 * (end - start))
        if end > stop and len(taken) > WARM_UP:
            break
    return np.array(taken[WARM_UP:])


def machine() -> str:
    """Return what the latency was measured on."""
    return f"{os.cpu_count()} × {platform.processor() or platform.machine()}, {platform.system()}"
