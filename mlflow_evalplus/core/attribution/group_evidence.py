"""What speaks of a group of rows for the cause of its errors: it counts where the group is surely answered worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlflow_evalplus.core.attribution.coverage import Coverage, coverage
from mlflow_evalplus.core.attribution.cues import cues
from mlflow_evalplus.core.attribution.evidence import Answers, Evidence
from mlflow_evalplus.core.attribution.training import Training
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results import SliceResult, Slices

UNFAMILIAR = (0.0, 0.05, 0.1, 0.2, 0.3)  # shares of unfamiliar words above which a text may be beyond what was learnt
N_CUES = 3
LACKING = 0.5  # of the training rows that a slice would have by its share of the test rows
MAX_SHARE = 0.5  # of all rows that a slice to be brought to the level of the rest may hold
MAX_WORDS = 5  # named as the evidence of one row


def of_vocabulary(answers: Answers) -> tuple[list[Evidence], Coverage | None]:
    """Return the texts with unfamiliar words, at the share of them above which texts are most surely answered worse."""
    if answers.training is None or answers.training.texts is None or not answers.has_texts:
        return [], None
    known = coverage(answers.predictions.table["text"], answers.training.texts)
    groups = [known.share > least for least in UNFAMILIAR]
    worse = [group for group in groups if answers.is_worse(group, len(groups))]
    if not worse:
        return [], known
    best = max(worse, key=lambda group: answers.as_the_rest(group, len(groups)).gain.lower)

    def say(row: int) -> str:
        return f"hardly a training text holds {', '.join(known.words(row)[:MAX_WORDS])}"

    return [Evidence("unknown_vocabulary", best, answers.as_the_rest(best, len(groups)), say)], known


def of_cues(answers: Answers) -> list[Evidence]:
    """Return the texts with a cue that is surely answered worse than texts without it."""
    if not answers.has_texts:
        return []
    held = cues(answers.predictions.table["text"])
    worse = {cue: rows for cue, rows in held.items() if answers.is_worse(rows, N_CUES)}
    if not worse:
        return []
    shown = np.any(list(worse.values()), axis=0)

    def say(row: int) -> str:
        return ", ".join(cue for cue, rows in worse.items() if rows[row])

    return [Evidence("language_cue", shown, answers.as_the_rest(shown, N_CUES), say)]


def of_slices(answers: Answers, slices: Slices) -> list[Evidence]:
    """Return the rows of weak slices, and of slices that lack training data and are surely answered worse."""
    found = weak_slices(answers, slices)
    weak = {row.name: members(answers.predictions, row.columns, row.values) for row, _ in found}
    if not weak:
        return []
    shown = np.any(list(weak.values()), axis=0)

    def say(row: int) -> str:
        return ", ".join(name for name, rows in weak.items() if rows[row])

    return [Evidence("weak_slice", shown, answers.as_the_rest(shown, max(looks for _, looks in found)), say)]


def weak_slices(answers: Answers, slices: Slices) -> list[tuple[SliceResult, int]]:
    """Return the slices that are weak; and those with less than half of the training rows that their share asks for.

    Beside each the number of slices among which it was found. The latter are few and are named before any answer is
    looked at, so they are tested among themselves. A slice of more than half of all rows is left out: there it is the
    rest that is easy.
    """
    n = len(answers.wrong)
    rows = [row for row in slices.rows if row.n <= MAX_SHARE * n]
    weak = [(row, len(slices.rows)) for row in rows if row.weak]
    lacking = [row for row in rows if not row.weak and _lacks_training(answers.training, row, n)]
    return weak + [
        (row, len(lacking)) for row in lacking
        if answers.is_worse(members(answers.predictions, row.columns, row.values), len(lacking))
    ]  # fmt: skip


def _lacks_training(training: Training | None, row: SliceResult, n: int) -> bool:
    own = training.rows_in(row.columns, row.values) if training and len(row.columns) == 1 else None
    return training is not None and own is not None and own < LACKING * training.n * row.n / n


def members(predictions: Predictions, columns: Sequence[str], values: Sequence[str]) -> np.ndarray:
    """Return which rows lie in a slice, a bool array."""
    inside = np.ones(len(predictions), dtype=np.bool_)
    for column, value in zip(columns, values, strict=True):
        codes, known = predictions.codes(f"slice.{column}")
        inside &= codes == known.index(value)
    return inside
