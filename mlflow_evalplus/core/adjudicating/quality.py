"""How far the annotators of a queue agree: on all of its cases, and on those that were drawn at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlflow_evalplus.core.adjudicating.spelling import UNSURE
from mlflow_evalplus.core.columns import MAX_SLICE_VALUES
from mlflow_evalplus.core.labels import label_quality
from mlflow_evalplus.results.adjudication import AcceptedCase, OpenCase
from mlflow_evalplus.results.labels import LabelQuality
from mlflow_evalplus.results.queue import Queue

ENOUGH = 30  # random cases, below which nothing is said of them
ID, WEIGHT, AUDIT = "evalplus.case_id", "evalplus.weight", "evalplus.audit"


def qualities(
    queue: Queue, settled: Sequence[AcceptedCase | OpenCase], annotators: Sequence[str], confidence: float
) -> tuple[LabelQuality | None, LabelQuality | None]:
    """Return the agreement over the cases with two labels or more, and over the random ones among them, weighted.

    Parameters
    ----------
    queue : Queue
    settled : sequence of AcceptedCase or OpenCase
        One for each case of the queue, in its order.
    annotators : sequence of str
    confidence : float

    Returns
    -------
    all, audit : LabelQuality or None
        None where no case, or fewer than 30 random ones, have two labels; "cannot tell" is no label.
    """
    rows = []
    for case, result in zip(queue.cases, settled, strict=True):
        labels = {name: vote for name, vote in result.votes.items() if vote != UNSURE}
        if len(labels) >= 2:
            rows.append({**(case.slices or {}), **labels, ID: case.case_id, WEIGHT: case.weight, AUDIT: case.audit})
    if not rows:
        return None, None
    frame = pd.DataFrame(rows)
    voting = [name for name in annotators if name in frame]
    sliced = dict.fromkeys(name for case in queue.cases for name in case.slices or {} if name not in annotators)
    slices = [name for name in sliced if name in frame and 1 < frame[name].nunique(dropna=False) <= MAX_SLICE_VALUES]
    audit = frame[frame[AUDIT] & np.isfinite(frame[WEIGHT]) & (frame[WEIGHT] > 0)]
    return (
        label_quality(frame, voting, slices=slices, example_id=ID, confidence=confidence),
        _of_random(audit, voting, slices, confidence) if len(audit) >= ENOUGH else None,
    )


def _of_random(
    audit: pd.DataFrame, annotators: Sequence[str], slices: Sequence[str], confidence: float
) -> LabelQuality | None:
    voting = [name for name in annotators if audit[name].notna().any()]
    return label_quality(audit, voting, slices=slices, example_id=ID, weight=WEIGHT, confidence=confidence)
