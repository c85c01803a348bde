"""How many labels are wrong, and which, by a model's own probabilities: an estimate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.attribution.anchors import anchor_rows
from mlflow_evalplus.core.attribution.gains import Gain, as_clear_rows_show
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.predictions import Predictions

MAX_RATE = 0.2  # of wrong labels: where more anchor rows disagree, it is the model that is sure and wrong


@dataclass(frozen=True)
class LabelErrors:
    """Wrong labels, as the rows show them of which the model is surest.

    Attributes
    ----------
    effect : Gain
        Its ``gain`` is the share of labels that is wrong, from above: the model's own sure mistakes are in it.
    suspects : bool array, [rows]
        Which labels to look at, no more than can be wrong by the upper bound of that share.
    n_anchors : int
        The rows that it rests on.
    """

    effect: Gain
    suspects: np.ndarray
    n_anchors: int


def label_errors(predictions: Predictions, scores: FloatArray, confidence: float = 0.95) -> LabelErrors | None:
    """Return what the probabilities say of the labels.

    Parameters
    ----------
    predictions : Predictions
    scores : float array, [rows, labels]
    confidence : float

    Returns
    -------
    LabelErrors or None
        None where the model cannot tell: it is nowhere sure enough, or wrong in a fifth of the rows of which it is
        surest; or where cleanlab is not installed.
    """
    if not confident_learning.available():
        return None
    labels = predictions.label_codes("label")
    anchors, wrong = anchor_rows(labels, scores), scores.argmax(axis=1) != labels
    if not anchors.any():
        return None
    effect = as_clear_rows_show(predictions, anchors, wrong, confidence)
    if effect.gain.value > MAX_RATE:
        return None
    flagged = np.flatnonzero(confident_learning.flagged(labels, scores))
    behind = scores[flagged, labels[flagged]] - scores[flagged].max(axis=1)
    suspects = np.zeros(len(labels), dtype=np.bool_)
    suspects[flagged[np.argsort(behind, kind="stable")[: math.ceil(len(labels) * effect.gain.upper)]]] = True
    return LabelErrors(effect, suspects, int(anchors.sum()))


def score_matrix(predictions: Predictions) -> FloatArray | None:
    """Return the scores, [rows, labels]; None unless every label has scores, and there are two labels or more."""
    columns = [predictions.floats(f"score.{name}") for name in predictions.labels]
    known = [column for column in columns if column is not None]
    return np.column_stack(known) if len(known) == len(columns) > 1 else None
