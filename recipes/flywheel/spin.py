"""A year of turns in memory: the same choices and the same labels as on disk, without files and runs.

What a study needs, which spins the wheel many times, and the lines that a turn is held against: nothing done, and
labels for rows drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from recipes.classifiers import linear
from recipes.flywheel.stream import LABEL, TEXT, Stream

PREDICTION = "prediction"
Choose = Callable[[pd.DataFrame, pd.DataFrame, int, int], np.ndarray]


class Model(Protocol):
    """What answers texts: a classifier, or a version of a registered model."""

    def predict(self, texts: Any, /) -> Any:
        """Return a label for each text."""


@dataclass(frozen=True)
class Spun:
    """The model of each stage: the first one, then the one after each turn; and how many labels were bought."""

    models: tuple[Pipeline, ...]
    n_labels: int

    @property
    def last(self) -> Pipeline:
        """The model after the last turn."""
        return self.models[-1]


def spin(stream: Stream, choose: Choose, budget: int, *, seed: int = 0, base: str = "words") -> Spun:
    """Let the model of the day answer each month, label what `choose` takes of it, train again on all rows.

    Parameters
    ----------
    stream : Stream
    choose : callable
        Takes the month's scored log, the training rows so far, the budget and a seed; returns places in the log.
    budget : int
        Labels a turn.
    base : str
        A classifier of `recipes.classifiers.linear`.
    """
    train = stream.first
    models, bought = [fit(train, base)], 0
    for number, month in enumerate(stream.turns.values()):
        chosen = choose(scored(models[-1], month), train, budget, seed + number)
        bought += len(chosen)
        train = pd.concat([train, month.iloc[chosen]], ignore_index=True)
        models.append(fit(train, base))
    return Spun(tuple(models), bought)


def fit(rows: pd.DataFrame, base: str = "words", text: str = TEXT) -> Pipeline:
    """Return the classifier, fitted."""
    with threadpool_limits(1, "blas"):
        return linear.PIPELINES[base](0).fit(rows[text].tolist(), rows[LABEL].tolist())


def scored(model: Pipeline, rows: pd.DataFrame, text: str = TEXT) -> pd.DataFrame:
    """Return the rows as a production log: ``prediction`` and ``score.<label>``, and no label."""
    scores = model.predict_proba(rows[text].tolist())
    best = np.asarray(model.classes_)[scores.argmax(axis=1)]
    columns = {f"score.{label}": scores[:, place] for place, label in enumerate(model.classes_)}
    return rows.drop(columns=LABEL).assign(**{PREDICTION: best, **columns})


def right(model: Model, rows: pd.DataFrame, text: str = TEXT) -> np.ndarray:
    """Return whether the model answers each row right."""
    return np.array(model.predict(rows[text].tolist()) == rows[LABEL].to_numpy(), dtype=np.bool_)


def at_random(log: pd.DataFrame, train: pd.DataFrame, budget: int, seed: int) -> np.ndarray:
    """Choose rows at random: what a chosen queue has to beat."""
    return np.random.default_rng(seed).choice(len(log), min(budget, len(log)), replace=False)


def everything(log: pd.DataFrame, train: pd.DataFrame, budget: int, seed: int) -> np.ndarray:
    """Choose every row, whatever it costs: what labels could bring at most."""
    return np.arange(len(log))
