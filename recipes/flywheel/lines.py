"""Accuracy per month: with the wheel, without it, with labels drawn at random, and as if nobody spoke anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from mlflow_evalplus import names
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.results import Difference, Estimate
from recipes.flywheel.recovery import BEFORE, CLUSTER, WITH, WITHOUT, Recovery, recovery
from recipes.flywheel.spin import Model, fit, right
from recipes.flywheel.stream import LABEL, MONTH, OLD_WORDING, PHRASE, ROW, TRAINED, TURNS, Stream

OLD, FIRST, WHEEL, RANDOM = "old wording", "without the wheel", "with the wheel", "random labels"
LINES = {
    OLD: "the first model on the same messages without the new phrases: what nobody has in production",
    FIRST: "the first model, never retrained",
    WHEEL: "the model of the day, retrained after July, August and September",
    RANDOM: "the same with as many labels of messages drawn at random, none of them held apart",
}
CUSTOMER = "customer_id"
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One line in one month: its accuracy, and how it differs from the first model on the same messages.

    There is no difference where it is the first model itself.
    """

    month: str
    line: str
    accuracy: Estimate
    difference: Difference | None

    @property
    def summary(self) -> str:
        """In words."""
        return f"{self.accuracy}" + (f"; {self.difference} against the first model" if self.difference else "")


@dataclass(frozen=True)
class Lines:
    """The year month by month, and what came back over the last months.

    Attributes
    ----------
    points : tuple of Point
    wheel, random : Recovery
        Over the months after the last turn.
    better : Recovery
        Its `gained` is the wheel less random labels.
    phrased, plain : Recovery
        The wheel on messages with a phrase, and on the others.
    """

    points: tuple[Point, ...]
    wheel: Recovery
    random: Recovery
    better: Recovery
    phrased: Recovery
    plain: Recovery

    def of(self, line: str) -> list[Point]:
        """Return a line's points, oldest first."""
        return [point for point in self.points if point.line == line]

    def frame(self) -> pd.DataFrame:
        """Return one row per month and line, with the columns ``names.FLYWHEEL_COLUMNS``."""
        rows = []
        for point in self.points:
            a, d = point.accuracy, point.difference
            rows.append([
                point.month, point.summary, point.line, a.n, a.value, a.lower, a.upper,
                *((d.value, d.lower, d.upper) if d else (None, None, None)),
            ])  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.FLYWHEEL_COLUMNS))


def lines(stream: Stream, by_stage: Mapping[str, Sequence[Model]]) -> Lines:
    """Measure every line in every month.

    Parameters
    ----------
    stream : Stream
        The simulated year.
    by_stage : mapping of str to sequence
        For ``with the wheel`` and ``random labels``: the model of each stage, the first one and those after each turn.
        A model has ``predict``, of texts. The months before the turns are answered by models of the same kind that
        have not learnt from the message in question.
    """
    first = by_stage[WHEEL][0]
    points = _before(stream)
    for number, month in enumerate(stream.months[TRAINED:]):
        rows = stream.rows[stream.rows[MONTH] == month].reset_index(drop=True)
        stage = min(number, TURNS)
        answers = {
            OLD: _said(first, rows, OLD_WORDING), FIRST: _said(first, rows),
            **{line: _said(models[stage], rows) for line, models in by_stage.items()},
        }  # fmt: skip
        same = () if stage else tuple(by_stage)  # before the first turn each of them is the first model
        points += _points(month, rows.assign(**answers), list(answers), same)
    judged = stream.judged
    found = pd.DataFrame(
        {
            CLUSTER: judged[CUSTOMER],
            BEFORE: right(first, judged, OLD_WORDING),
            WITHOUT: right(first, judged),
            **{line: right(models[-1], judged) for line, models in by_stage.items()},
        }
    )
    phrased = (judged[PHRASE] != "").to_numpy()
    wheel = found.assign(**{WITH: found[WHEEL]})
    return Lines(
        tuple(points), recovery(wheel), recovery(found.assign(**{WITH: found[RANDOM]})),
        recovery(found.assign(**{WITHOUT: found[RANDOM], WITH: found[WHEEL]})), recovery(wheel[phrased]),
        recovery(wheel[~phrased]),
    )  # fmt: skip


def _said(model: Model, rows: pd.DataFrame, text: str = "text") -> np.ndarray:
    return np.asarray(model.predict(rows[text].tolist()))


def _before(stream: Stream) -> list[Point]:
    """Return the months before the turns, each message answered by a model that has not learnt from it."""
    early = stream.rows[stream.rows[MONTH].isin(stream.months[:TRAINED])].reset_index(drop=True)
    said = np.empty(len(early), dtype=object)
    for learnt, asked in KFold(FOLDS, shuffle=True, random_state=0).split(early):
        said[asked] = _said(fit(early.iloc[learnt]), early.iloc[asked])
    answered = early.assign(**{FIRST: said})
    return [point for month, rows in answered.groupby(MONTH) for point in _points(str(month), rows, [FIRST])]


def _points(month: str, rows: pd.DataFrame, shown: Sequence[str], same: Sequence[str] = ()) -> list[Point]:
    """Return a month's points; a line that is the first model itself (`same`) has no difference from it."""
    found = {
        line: evaluate(rows, LABEL, line, example_id=ROW, cluster=CUSTOMER, slices=()) for line in shown
    }  # fmt: skip
    return [
        Point(month, line, one.metrics["accuracy"],
              None if line in (FIRST, *same) else compare_evaluations(one, found[FIRST]).metrics["accuracy"])
        for line, one in found.items()
    ]  # fmt: skip
