"""Labels that a model's own probabilities speak against: confident learning, by cleanlab.

Northcutt, Jiang and Chuang (2021), doi:10.1613/jair.1.12125. In every function `labels` [rows] are codes 0 … k - 1,
and `scores` [rows, k] the probabilities of a model that has not seen these rows; a label may have no rows.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from threading import Lock

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray

_ONE_AT_A_TIME = Lock()  # cleanlab's filter hands its arrays on in module globals


def available() -> bool:
    """Whether cleanlab is installed, ``pip install 'mlflow-evalplus[labels]'``; the other functions need it."""
    return find_spec("cleanlab") is not None


def confident_counts(labels: IntArray, scores: FloatArray) -> IntArray:
    """Return how many rows of each label are confidently of which class, [label, class].

    A row is confidently of a class where its probability is at least the mean over the rows with that label; of
    several such classes it is the most probable. The diagonal is at least 1.
    """
    from cleanlab.count import compute_confident_joint

    return np.asarray(compute_confident_joint(labels, scores, calibrate=False), dtype=np.int64)


def confident_joint(labels: IntArray, scores: FloatArray) -> IntArray:
    """Return estimated counts of label × true class; each label keeps its number of rows.

    Examples
    --------
    >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.05, 0.95]])
    >>> confident_joint(np.array([0, 0, 0, 1, 1]), scores).tolist()
    [[3, 0], [0, 2]]
    """
    from cleanlab.count import compute_confident_joint

    return np.asarray(compute_confident_joint(labels, scores), dtype=np.int64)


def label_suspects(labels: IntArray, scores: FloatArray) -> np.ndarray:
    """Return which rows are likely labelled wrongly, as bool [rows].

    As many of each label and true class as `confident_joint` says ("prune by noise rate"), those where the other class
    is the most ahead; none whose label is the most probable class, and none that is the only row of its label.

    Examples
    --------
    >>> scores = np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 5)
    >>> np.flatnonzero(label_suspects(np.array([0, 0, 0, 0, 0, 1, 1, 1, 1]), scores)).tolist()
    [4]
    """
    from cleanlab.filter import find_label_issues

    if (labels == labels[0]).all():  # no other label to be mistaken for, and cleanlab may refuse it
        return np.zeros(len(labels), dtype=bool)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues")  # a label of one row, or none
        return np.asarray(find_label_issues(labels, scores, filter_by="prune_by_noise_rate", n_jobs=1))
