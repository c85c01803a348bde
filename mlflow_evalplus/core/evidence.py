"""What speaks for each cause of an error: which rows show it, and what its removal would buy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.agreement import Votes
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.consensus import majority
from mlflow_evalplus.core.coverage import Coverage, coverage
from mlflow_evalplus.core.cues import cues
from mlflow_evalplus.core.gains import Gain, answered_anew, as_clear_rows_show, as_the_rest
from mlflow_evalplus.core.keyword_rules import Rule, first_matches
from mlflow_evalplus.core.labels import vote_codes
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.training import Training
from mlflow_evalplus.names import OTHER
from mlflow_evalplus.results import SliceResult, Slices, number

MARGIN = 0.1  # between the two highest scores, below which a row is ambiguous
CLEAR_SHARE = 1 / 3  # of the rows of each prediction, those of which the model is surest
UNFAMILIAR = (0.0, 0.05, 0.1, 0.2, 0.3)  # shares of unfamiliar words above which a text may be beyond what was learnt
N_CUES = 3
LACKING = 0.5  # of the training rows that a slice would have by its share of the test rows
MAX_SHARE = 0.5  # of all rows that a slice to be brought to the level of the rest may hold
MIN_GAP = 0.02  # between error rates: a smaller one is no cause
MAX_WORDS = 5  # named as the evidence of one row


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
    """

    cause: str
    shown: np.ndarray
    effect: Gain
    say: Callable[[int], str]


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
        columns = [self.predictions.floats(f"score.{name}") for name in self.predictions.labels]
        known = [column for column in columns if column is not None]
        return np.column_stack(known) if len(known) == len(columns) > 1 else None

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
    table = answers.predictions.table
    columns = [name for name in table.column_names if name.startswith("annotator.")]
    if len(columns) < 2:
        return [], None
    matrix, labels = vote_codes({name: table[name] for name in columns}, answers.predictions.labels)
    votes = Votes.of(matrix, len(labels))
    found, total = majority(votes), votes.counts.sum(axis=1)
    against = found.absolute & (found.code != answers.label)
    split = (total >= 2) & ~found.absolute

    def say(row: int) -> str:
        held = [f"{n:.0f} × {name}" for n, name in zip(votes.counts[row], labels, strict=True) if n]
        return f"annotators voted {', '.join(held)}"

    unknown = found.code >= len(answers.predictions.labels)  # no prediction is known to be such a label
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
    rules, texts = answers.rules, answers.predictions.table["text"].to_pylist()
    place = {label: code for code, label in enumerate(answers.predictions.labels)}
    first = first_matches(rules, texts)
    said = np.array([*(place[rule.label] for rule in rules), -1])[first]
    missed = answers.wrong & (said == answers.label)
    wrong_after = np.where(first >= 0, said != answers.label, answers.wrong)

    def say(row: int) -> str:
        rule = rules[first[row]]
        match = rule.pattern.search(texts[row] or "")
        return f"“{match.group() if match else rule.pattern.pattern}” means {rule.label} by the rule"

    effect = answered_anew(answers.predictions, answers.wrong, wrong_after, answers.confidence)
    return [Evidence("keyword_missed", missed, effect, say)]


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


def of_scores(answers: Answers, annotated: np.ndarray | None) -> list[Evidence]:
    """Return the labels that confident learning suspects, but for those that two annotators or more have judged."""
    if answers.scores is None or not confident_learning.available() or (annotated is not None and annotated.all()):
        return []
    scores, label = answers.scores, answers.label
    shown = confident_learning.label_suspects(label, scores) & answers.wrong
    if annotated is not None:
        shown &= ~annotated
    clear = np.zeros(len(label), dtype=np.bool_)
    best, sure = scores.argmax(axis=1), scores.max(axis=1)
    for code in range(scores.shape[1]):
        own = np.flatnonzero(best == code)
        clear[own[np.argsort(-sure[own], kind="stable")[: round(len(own) * CLEAR_SHARE)]]] = True
    effect = as_clear_rows_show(answers.predictions, clear, answers.wrong, answers.confidence)

    def say(row: int) -> str:
        own, other = scores[row, label[row]], sure[row]
        return f"the model gives {number(other)} to {answers.name(best[row])}, {number(own)} to the label"

    return [Evidence("label_suspect", shown, effect, say)]


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
    weak = {row.name: members(answers.predictions, row.columns, row.values) for row in weak_slices(answers, slices)}
    if not weak:
        return []
    shown = np.any(list(weak.values()), axis=0)

    def say(row: int) -> str:
        return ", ".join(name for name, rows in weak.items() if rows[row])

    return [Evidence("weak_slice", shown, answers.as_the_rest(shown), say)]


def weak_slices(answers: Answers, slices: Slices) -> list[SliceResult]:
    """Return the slices that are weak; and those with less than half of the training rows that their share asks for.

    The latter are few and are named before any answer is looked at, so they are tested among themselves. A slice of
    more than half of all rows is left out: there it is the rest that is easy.
    """
    n = len(answers.wrong)
    rows = [row for row in slices.rows if row.n <= MAX_SHARE * n]
    weak = [row for row in rows if row.weak]
    lacking = [row for row in rows if not row.weak and _lacks_training(answers.training, row, n)]
    worse = [
        row for row in lacking if answers.is_worse(members(answers.predictions, row.columns, row.values), len(lacking))
    ]
    return weak + worse


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


def of_margin(answers: Answers) -> list[Evidence]:
    """Return the rows whose two highest scores are close."""
    if answers.scores is None:
        return []
    scores = answers.scores
    second, first = np.partition(scores, -2, axis=1)[:, -2:].T
    shown = first - second < MARGIN

    def say(row: int) -> str:
        other, best = np.argsort(scores[row], kind="stable")[-2:]
        return (
            f"{answers.name(best)} {number(scores[row, best])}, {answers.name(other)} {number(scores[row, other])}: "
            "the model is undecided"
        )

    return [Evidence("ambiguous", shown, answers.as_the_rest(shown), say)]


def of_model(answers: Answers, left: np.ndarray) -> Evidence:
    """Return the errors that nothing else explains; the gain is that of their all being right."""
    wrong_after = answers.wrong & ~left
    effect = answered_anew(answers.predictions, answers.wrong, wrong_after, answers.confidence)

    def say(row: int) -> str:
        sure = answers.confidence_of(row)
        return "nothing else explains it" if math.isnan(sure) else f"{number(sure)} sure, nothing else explains it"

    return Evidence("confident_and_wrong", left, effect, say)
