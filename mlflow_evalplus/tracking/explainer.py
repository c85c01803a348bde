"""An MLflow model → what `attribute_words` explains it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel

from mlflow_evalplus.core.attribution.linear_text import LinearText, linear_text
from mlflow_evalplus.core.attribution.occlusion import Predict, label_scores
from mlflow_evalplus.core.columns import FloatArray, IntArray, as_labels
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.tracking import scoring


@dataclass(frozen=True)
class Explainer:
    """``words_of(predictions, explainer.model, inputs=explainer.inputs)``.

    Attributes
    ----------
    model : LinearText or callable
        Exact where the model is a linear scikit-learn pipeline, or a `PythonModel` that keeps one as ``pipeline``;
        then the errors that rules on top of it make are not explained. Else the model is asked.
    inputs : list of str, pandas.DataFrame or None
        What the linear model is given; None where the model is asked.
    """

    model: LinearText | Predict
    inputs: Any


def explainer_of(
    model: PyFuncModel,
    features: pd.DataFrame,
    text: str,
    labels: Sequence[str],
    *,
    hidden: Sequence[str | None] = (),
    output: str | None = None,
) -> Explainer | None:
    """Return how the words of a model's texts are explained; None where the model is not given the text.

    Parameters
    ----------
    model : mlflow.pyfunc.PyFuncModel
        Asked for its inputs only, as by `scoring.ask`.
    features : pandas.DataFrame
        A row for each prediction.
    text : str
        The column of the texts.
    labels : sequence of str
        ``predictions.labels``: the columns of the scores.
    hidden, output
        As for `scoring.ask`.

    Raises
    ------
    ColumnNotFound
        The model's signature requires a column that is not there.
    """
    inputs = scoring.inputs_only(model, features, hidden)
    if text not in inputs.columns:
        return None
    linear, kept = _linear(model)
    if linear and len(set(linear.labels) & set(labels)) > 1:
        texts = kept and not linear.reads_columns
        return Explainer(linear, inputs[text].fillna("").astype(str).tolist() if texts else inputs)
    call, classes = scoring.caller(model)

    def predict(texts: Sequence[str], rows: IntArray) -> FloatArray:
        asked = inputs.iloc[rows].reset_index(drop=True)
        asked[text] = list(texts)
        return _score_matrix(scoring.call_model(call, asked), classes or labels, labels, output, len(asked))

    return Explainer(predict, None)


def _linear(model: PyFuncModel) -> tuple[LinearText | None, bool]:
    """Return the linear model inside, and whether a `PythonModel` keeps it."""
    if scoring.loader(model) == "mlflow.sklearn":
        return linear_text(model.get_raw_model()), False
    try:
        return linear_text(getattr(model.unwrap_python_model(), "pipeline", None)), True
    except (AttributeError, MlflowException):  # it is none, or a plain function
        return None, False


def _score_matrix(raw: Any, classes: Sequence[Any], labels: Sequence[str], output: str | None, n: int) -> FloatArray:
    """Return the scores that a model gave, shape (n, n_labels); one-hot where it gave none."""
    predictions, scores = scoring.read_output(raw, classes, output)
    if len(predictions) != n:
        raise DataError(f"the model returned {len(predictions)} predictions for {n} rows")
    if scores:
        return label_scores(np.column_stack(list(scores.values())), scores, labels)
    given = as_labels(pd.DataFrame({"prediction": list(predictions)}), "prediction")
    one_hot = np.array([[float(label == answer) for label in labels] for answer in given])
    sure = _confidence(raw, n)
    if sure is None or len(labels) < 2:
        return one_hot
    return one_hot * sure + (1 - one_hot) * (1 - sure) / (len(labels) - 1)


def _confidence(raw: Any, n: int) -> FloatArray | None:
    """Return the ``score`` that a transformers pipeline gives beside its ``label``, shape (n, 1); None without."""
    if isinstance(raw, list) and raw and isinstance(raw[0], Mapping):
        raw = pd.DataFrame(raw)
    if not isinstance(raw, pd.DataFrame) or not {"label", "score"} <= set(raw.columns):
        return None
    sure = pd.to_numeric(raw["score"], errors="coerce").to_numpy(dtype=np.float64).reshape(n, 1)
    return sure if ((sure >= 0) & (sure <= 1)).all() else None
