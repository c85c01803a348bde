"""Labels that a model's own probabilities speak against: confident learning, by cleanlab.

Northcutt, Jiang and Chuang (2021), doi:10.1613/jair.1.12125. `labels` [rows] are codes 0 … k - 1, `scores` [rows, k]
are probabilities of a model that has not seen these rows; a label may have no rows.
"""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec
from threading import Lock

import numpy as np

from mlflow_evalplus.core.anchors import anchor_rows
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import wilson

Z = 1.96  # of the upper bound
_ONE_AT_A_TIME = Lock()  # cleanlab's filter hands its arrays on in module globals


def available() -> bool:
    """Whether cleanlab is installed, ``pip install 'mlflow-evalplus[labels]'``; `label_suspects` needs it."""
    return find_spec("cleanlab") is not None


def label_suspects(labels: IntArray, scores: FloatArray) -> np.ndarray:
    """Return which rows are likely labelled wrongly, as bool [rows].

    Those that cleanlab flags ("prune by noise rate"), where the other class is the most ahead; but no more than labels
    can be wrong by the upper bound of the error rate of the `anchor_rows`. Confident learning alone holds every
    confident error of a weak model for a wrong label. None where the model is nowhere sure enough.

    Examples
    --------
    >>> scores = np.array([[0.99, 0.01]] * 99 + [[0.03, 0.97]] * 101)
    >>> np.flatnonzero(label_suspects(np.repeat([0, 1], 100), scores)).tolist()
    [99]
    """
    anchors = anchor_rows(labels, scores)
    if not anchors.any():
        return anchors
    n = int(anchors.sum())
    share = (scores[anchors].argmax(axis=1) != labels[anchors]).mean()
    most = math.ceil(len(labels) * wilson(np.array([share]), np.array([float(n)]), Z)[1][0])
    flagged = np.flatnonzero(_flagged(labels, scores))
    behind = scores[flagged, labels[flagged]] - scores[flagged].max(axis=1)
    suspects = np.zeros(len(labels), dtype=np.bool_)
    suspects[flagged[np.argsort(behind, kind="stable")[:most]]] = True
    return suspects


def _flagged(labels: IntArray, scores: FloatArray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    if (labels == labels[0]).all():  # no other label to be mistaken for, and cleanlab may refuse it
        return np.zeros(len(labels), dtype=bool)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues")  # a label of one row, or none
        return np.asarray(find_label_issues(labels, scores, filter_by="prune_by_noise_rate", n_jobs=1))
