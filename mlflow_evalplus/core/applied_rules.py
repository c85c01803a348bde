"""Keyword rules on top of a model: the scores that it gives, moved where a pattern matches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlflow_evalplus.core.attribution.keyword_rules import Rule
from mlflow_evalplus.core.columns import FloatArray, IntArray, as_labels, column_names
from mlflow_evalplus.core.pattern_search import search_all
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.names import OTHER

LEAST_SCORE = 1e-12  # lower probabilities are taken as this, so that a rule can still raise them
KINDS = ("base", "score")  # of columns with scores that rules can stand on; the first that are there


def apply_rules(
    scores: FloatArray, labels: Sequence[str], texts: Iterable[str | None], rules: Sequence[Rule]
) -> FloatArray:
    r"""Return the scores of a model with keyword rules on top.

    Parameters
    ----------
    scores : float array, [rows, labels]
        Probabilities before the rules.
    labels : sequence of str
        The columns of `scores`. Rules for other labels do nothing.
    texts : iterable of str or None
        One per row; a missing one is empty.
    rules : sequence of Rule
        As `load_rules` reads them.

    Returns
    -------
    float array, [rows, labels]
        To log scores, clipped at 1e-12, each rule that matches has added its weight, at its label; then the softmax.
        The first rule without a weight that matches decides whatever the scores: 1 for its label, 0 for the others.

    Examples
    --------
    >>> from mlflow_evalplus.core.attribution.keyword_rules import load_rules
    >>> rules = load_rules([{"pattern": r"\brefund\b", "label": "negative", "weight": 2.0}])
    >>> scores = np.array([[0.3, 0.7], [0.3, 0.7]])
    >>> apply_rules(scores, ["negative", "neutral"], ["my refund", "hello"], rules).round(3).tolist()
    [[0.76, 0.24], [0.3, 0.7]]
    """
    return _moved(_logs(scores), labels, search_all([rule.pattern for rule in rules], texts), rules)


def _logs(scores: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.clip(scores, LEAST_SCORE, 1)))


def _moved(logs: FloatArray, labels: Sequence[str], matched: np.ndarray, rules: Sequence[Rule]) -> FloatArray:
    """Return the scores of rows of which it is known which rules match."""
    known = [(matched[:, place], rule) for place, rule in enumerate(rules) if rule.label in labels]
    logs = logs.copy()
    for held, rule in known:
        if rule.weight is not None:
            logs[held, labels.index(rule.label)] += rule.weight
    scores: FloatArray = np.exp(logs - logs.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    for held, rule in reversed(known):
        if rule.weight is None:  # the first of them is written last
            scores[held] = np.eye(len(labels))[labels.index(rule.label)]
    return scores


@dataclass(frozen=True)
class Base:
    """What a model says before the rules.

    Attributes
    ----------
    kind : str
        ``base``, ``score`` or ``prediction``: the columns that it comes from.
    labels : tuple of str
        Those that the model knows.
    scores : float array, [rows, labels]
        Of predictions 1 for the label, or ``(other)``, and 0 for the others.
    """

    kind: str
    labels: tuple[str, ...]
    scores: FloatArray


def base_of(predictions: Predictions) -> Base:
    """Return the scores before the rules, the run's scores where every answer has one, else its predictions."""
    answers, columns = predictions.label_codes("prediction"), predictions.table.column_names
    named = (*predictions.labels, OTHER)
    answered = {named[code] for code in np.unique(answers).tolist()}
    for kind in KINDS:
        known = score_columns(columns, kind)
        if len(known) > 1 and (kind == "base" or answered <= set(known)):
            scores = np.column_stack([predictions.table[column].to_numpy() for column in known.values()])
            return Base(kind, tuple(known), scores.astype(np.float64))
    return Base("prediction", named, np.eye(len(named))[answers])


def base_columns(frame: Any, kind: str, *answers: str, known: Iterable[str] | None) -> dict[str, str]:
    """Return label → column of scores before the rules, of two labels or more; ``base.salary`` is somebody's own.

    Parameters
    ----------
    frame : data frame
    kind : str
        What stands before the dot.
    *answers : str
        Columns whose values are labels.
    known : iterable of str or None
        Further labels; None takes the columns of all names.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"y": ["yes"], "base.yes": [0.8], "base.no": [0.2], "base.salary": [1000]})
    >>> base_columns(frame, "base", "y", known=["no"])
    {'yes': 'base.yes', 'no': 'base.no'}
    """
    found = score_columns(map(str, column_names(frame)), kind)
    if found and known is not None:
        labels = {*known, *(label for column in answers for label in as_labels(frame, column))}
        found = {label: column for label, column in found.items() if label in labels}
    return found if known is None or len(found) > 1 else {}


def score_columns(columns: Iterable[str], kind: str) -> dict[str, str]:
    """Return label → column named ``<kind>.<label>``.

    Examples
    --------
    >>> score_columns(["base.good", "score.good", "text"], "base")
    {'good': 'base.good'}
    """
    return {column.removeprefix(f"{kind}."): column for column in columns if column.startswith(f"{kind}.")}


def scores_under_rules(
    columns: Sequence[str], base_scores: Mapping[str, str] | None, prediction: str
) -> tuple[Mapping[str, str], Mapping[str, str], bool]:
    """Return the scores of a data frame before rules, else its scores, and whether predictions are read besides.

    Parameters
    ----------
    columns : sequence of str
        Those of the frame.
    base_scores : mapping of str to str or None
        Label → column, where they are named.
    prediction : str

    Raises
    ------
    DataError
        One label has scores, and the others have none.

    Examples
    --------
    >>> scores_under_rules(["label", "score.bad", "score.good"], None, "prediction")
    ({'bad': 'score.bad', 'good': 'score.good'}, {}, False)
    """
    if base_scores and len(base_scores) < 2:
        raise DataError(f"base_scores names one label, {next(iter(base_scores))!r}; name the column of every label")
    kinds = {kind: score_columns(columns, kind) for kind in KINDS}
    base, scores = (found if len(found) > 1 else {} for found in (base_scores or kinds["base"], kinds["score"]))
    if prediction in columns:
        return base, {} if base else scores, True
    lone = [column for found in kinds.values() for column in found.values()]
    if lone and not base and not scores:
        raise DataError(
            f"there are scores of one label only, in column {lone[0]!r}, and no column {prediction!r}; give the scores "
            "of every label, or the predictions"
        )
    return base or scores, {}, not (base or scores)


@dataclass(frozen=True)
class Ruled:
    """Rows under rules. Answers are places among ``predictions.labels``, their number for none of them."""

    predictions: Predictions
    base: Base
    rules: Sequence[Rule]

    @cached_property
    def matched(self) -> np.ndarray:
        """Which rules match which rows: bool array, [rows, rules]."""
        return search_all([rule.pattern for rule in self.rules], self.predictions.table["text"].to_pylist())

    @cached_property
    def label(self) -> IntArray:
        """Each row's label."""
        return self.predictions.label_codes("label")

    @cached_property
    def before(self) -> IntArray:
        """Each row's answer without any rule."""
        return self._answers(slice(None), np.zeros(len(self.rules), dtype=bool))

    @cached_property
    def after(self) -> IntArray:
        """Each row's answer with all rules."""
        return self._answers(slice(None), np.ones(len(self.rules), dtype=bool))

    def fired(self, place: int) -> IntArray:
        """Return the rows that a rule matches; all others are answered alike with it and without."""
        return np.flatnonzero(self.matched[:, place])

    def without(self, place: int) -> IntArray:
        """Return the answers of the rows that a rule matches with all rules but this one."""
        return self._answers(self.fired(place), np.arange(len(self.rules)) != place)

    def alone(self, place: int) -> IntArray:
        """Return the answers of the rows that a rule matches with this rule alone."""
        return self._answers(self.fired(place), np.arange(len(self.rules)) == place)

    @cached_property
    def _log_scores(self) -> FloatArray:
        return _logs(self.base.scores)

    @cached_property
    def _places(self) -> IntArray:
        labels = self.predictions.labels
        return np.array([labels.index(name) if name in labels else len(labels) for name in self.base.labels])

    def _answers(self, rows: IntArray | slice, kept: np.ndarray) -> IntArray:
        rules = [rule for rule, keep in zip(self.rules, kept, strict=True) if keep]
        scores = _moved(self._log_scores[rows], self.base.labels, self.matched[rows][:, kept], rules)
        return np.asarray(self._places[scores.argmax(axis=1)])
