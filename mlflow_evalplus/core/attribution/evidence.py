"""What speaks of a single row for the cause of its error, and what the removal of that cause would buy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mlflow_evalplus.core.agreement import Votes
from mlflow_evalplus.core.attribution.gains import Gain, answered_anew, as_the_rest, scaled
from mlflow_evalplus.core.attribution.keyword_rules import Rule, first_matches
from mlflow_evalplus.core.attribution.label_errors import label_errors, score_matrix
from mlflow_evalplus.core.attribution.training import Training
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.consensus import majority
from mlflow_evalplus.core.labels import checked_votes, vote_codes
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.names import OTHER
from mlflow_evalplus.results import number

MIN_GAP = 0.02  # between error rates: a smaller one is no cause
MARGIN = 0.1  # between the two highest scores, below which a row is ambiguous


@dataclass(frozen=True)
class Evidence:
    """What speaks for one cause.

    Attributes
    ----------
    cause : str
        A key of ``results.causes.CAUSES``.
    shown : bool array, [rows]
        Rows that show it, rightly answered ones too; an error among them has this cause, unless an earlier one.
    effect : Gain
        What its removal would buy.
    say : callable
        Row → the evidence in words.
    by_scores : bool
        It is the model's own probabilities that speak.
    """

    cause: str
    shown: np.ndarray
    effect: Gain
    say: Callable[[int], str]
    by_scores: bool = False


@dataclass(frozen=True)
class Answers:
    """The rows as the causes look at them.

    Attributes
    ----------
    predictions : Predictions
    confidence : float
    """

    predictions: Predictions
    confidence: float = 0.95
    training: Training | None = None
    rules: Sequence[Rule] = field(default=())

    @cached_property
    def label(self) -> IntArray:
        """Each row's label, as a place among the labels."""
        return self.predictions.label_codes("label")

    @cached_property
    def given(self) -> IntArray:
        """Each row's prediction, as a place among the labels; their number for one that is none of them."""
        return self.predictions.label_codes("prediction")

    @cached_property
    def wrong(self) -> np.ndarray:
        """Which rows are answered wrongly."""
        return np.asarray(self.given != self.label)

    @cached_property
    def weights(self) -> FloatArray:
        """What each row weighs in shares and rates."""
        masses = self.predictions.masses()
        weights = masses[len(masses) // 2]
        return np.ones(len(self.predictions)) if weights is None else weights

    @cached_property
    def scores(self) -> FloatArray | None:
        """[rows, labels]; None unless every label has scores, and there are two labels or more."""
        return score_matrix(self.predictions)

    @cached_property
    def first_rule(self) -> IntArray:
        """The place of the first keyword rule that matches each row, -1 where none does."""
        if not self.rules or not self.has_texts:
            return np.full(len(self.predictions), -1, dtype=np.int64)
        return first_matches(self.rules, self.predictions.table["text"].to_pylist())

    @cached_property
    def ruled(self) -> IntArray:
        """Each row's prediction with the keyword rules on top, as `given`."""
        place = {label: code for code, label in enumerate(self.predictions.labels)}
        said = np.array([*(place[rule.label] for rule in self.rules), -1], dtype=np.int64)[self.first_rule]
        return np.where(said >= 0, said, self.given)

    @property
    def has_texts(self) -> bool:
        """Whether the rows have texts."""
        return "text" in self.predictions.table.column_names

    def confidence_of(self, row: int) -> float:
        """Return the score of a row's prediction; nan without."""
        code = int(self.given[row])
        if self.scores is None or code >= self.scores.shape[1]:
            return math.nan
        return float(self.scores[row, code])

    def name(self, code: int) -> str:
        """Return a label's name."""
        return (*self.predictions.labels, OTHER)[code]

    def as_the_rest(self, inside: np.ndarray, looks: int = 1) -> Gain:
        """Return the gain of answering these rows like all others, its interval corrected for several looks."""
        return as_the_rest(self.predictions, inside, self.wrong, 1 - (1 - self.confidence) / looks)

    def is_worse(self, inside: np.ndarray, looks: int) -> bool:
        """Say whether these rows are surely answered worse than the others, by two points or more."""
        if inside.all() or not inside.any():
            return False
        rate, rest = (np.average(self.wrong[rows], weights=self.weights[rows]) for rows in (inside, ~inside))
        return bool(rate - rest >= MIN_GAP and self.as_the_rest(inside, looks).gain.lower > 0)


def of_annotators(answers: Answers) -> tuple[list[Evidence], np.ndarray | None]:
    """Return the labels that most annotators voted against, and the rows on which they are split.

    Beside them which rows have two votes or more.
    """
    names, table = answers.predictions.annotators, answers.predictions.table
    if len(names) < 2:
        return [], None
    known = answers.predictions.labels
    given, _ = checked_votes({name: table[f"annotator.{name}"] for name in names}, known)
    matrix, labels = vote_codes(given, known)
    votes = Votes.of(matrix, len(labels))
    found, total = majority(votes), votes.counts.sum(axis=1)
    against = found.absolute & (found.code != answers.label)
    split = (total >= 2) & ~found.absolute

    def say(row: int) -> str:
        held = [f"{n:.0f} × {name}" for n, name in zip(votes.counts[row], labels, strict=True) if n]
        return f"annotators voted {', '.join(held)}"

    unknown = found.code >= len(known)  # no prediction is known to be such a label
    wrong_after = np.where(against, unknown | (found.code != answers.given), answers.wrong)
    relabelled = answered_anew(answers.predictions, answers.wrong, wrong_after, answers.confidence)
    return [
        Evidence("label_suspect", against, relabelled, say),
        Evidence("ambiguous", split, answers.as_the_rest(split), say),
    ], total >= 2


def of_rules(answers: Answers) -> list[Evidence]:
    """Return the rows whose label a keyword rule says, where the model says another."""
    if not answers.rules or not answers.has_texts:
        return []
    rules, first = answers.rules, answers.first_rule
    texts = answers.predictions.table["text"].to_pylist()
    missed = answers.wrong & (first >= 0) & (answers.ruled == answers.label)

    def say(row: int) -> str:
        rule = rules[first[row]]
        match = rule.pattern.search(texts[row] or "")
        return f"“{match.group() if match else rule.pattern.pattern}” means {rule.label} by the rule"

    effect = answered_anew(answers.predictions, answers.wrong, answers.ruled != answers.label, answers.confidence)
    return [Evidence("keyword_missed", missed, effect, say)]


def of_scores(answers: Answers, annotated: np.ndarray | None) -> list[Evidence]:
    """Return the labels that confident learning suspects, but for those that two annotators or more have judged."""
    scores = answers.scores
    if scores is None or (annotated is not None and annotated.all()):
        return []
    found = label_errors(answers.predictions, scores, answers.confidence)
    if found is None:
        return []
    open_rows = np.ones(len(answers.wrong), dtype=np.bool_) if annotated is None else ~annotated
    effect = scaled(found.effect, float(np.average(open_rows, weights=answers.weights)))
    best, label = scores.argmax(axis=1), answers.label

    def say(row: int) -> str:
        own, other = scores[row, label[row]], scores[row, best[row]]
        return f"the model gives {number(other)} to {answers.name(best[row])}, {number(own)} to the label"

    return [Evidence("label_suspect", found.suspects & answers.wrong & open_rows, effect, say, by_scores=True)]


def of_margin(answers: Answers, split: np.ndarray) -> list[Evidence]:
    """Return the rows whose two highest scores are close, but for those on which the annotators are split."""
    if answers.scores is None:
        return []
    scores = answers.scores
    second, first = np.partition(scores, -2, axis=1)[:, -2:].T
    shown = (first - second < MARGIN) & ~split

    def say(row: int) -> str:
        other, best = np.argsort(scores[row], kind="stable")[-2:]
        return (
            f"{answers.name(best)} {number(scores[row, best])}, {answers.name(other)} {number(scores[row, other])}: "
            "the model is undecided"
        )

    return [Evidence("ambiguous", shown, answers.as_the_rest(shown), say, by_scores=True)]


def of_model(answers: Answers, left: np.ndarray) -> Evidence:
    """Return the errors that nothing else explains; the gain is that of their all being right."""
    wrong_after = answers.wrong & ~left
    effect = answered_anew(answers.predictions, answers.wrong, wrong_after, answers.confidence)

    def say(row: int) -> str:
        sure = answers.confidence_of(row)
        return "nothing else explains it" if math.isnan(sure) else f"{number(sure)} sure, nothing else explains it"

    return Evidence("confident_and_wrong", left, effect, say)
