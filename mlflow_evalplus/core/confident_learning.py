"""Labels that a model's own probabilities speak against: confident learning, by cleanlab.

Northcutt, Jiang and Chuang (2021), doi:10.1613/jair.1.12125. `labels` [rows] are codes 0 … k - 1, `scores` [rows, k]
are probabilities of a model that has not seen these rows; a label may have no rows.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from threading import Lock

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray

_ONE_AT_A_TIME = Lock()  # cleanlab's filter hands its arrays on in module globals


def available() -> bool:
    """Whether cleanlab is installed, ``pip install 'mlflow-evalplus[labels]'``; `flagged` needs it."""
    return find_spec("cleanlab") is not None


def flagged(labels: IntArray, scores: FloatArray) -> np.ndarray:
    """Return which labels cleanlab flags ("prune by noise rate"), as bool [rows].

    None whose label is the most probable class, and none that is the only row of its label. Every confident error of a
    weak model is among them, so `label_errors` takes no more than labels can be wrong.

    Examples
    --------
    >>> scores = np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 5)
    >>> np.flatnonzero(flagged(np.array([0, 0, 0, 0, 0, 1, 1, 1, 1]), scores)).tolist()
    [4]
    """
    from cleanlab.filter import find_label_issues

    if (labels == labels[0]).all():  # no other label to be mistaken for, and cleanlab may refuse it
        return np.zeros(len(labels), dtype=bool)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues")  # a label of one row, or none
        return np.asarray(find_label_issues(labels, scores, filter_by="prune_by_noise_rate", n_jobs=1))
