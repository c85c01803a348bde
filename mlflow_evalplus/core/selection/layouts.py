"""How questions stand together: in which dimension, in which cluster, with which weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.questions.question import Question, QuestionSet


@dataclass(frozen=True)
class Layout:
    """What a mean is made of: ``Σ_strata share · (weighted mean of the stratum's questions)``.

    Attributes
    ----------
    clusters, strata : int array, [questions]
        From 0.
    weights : float array, [questions]
        Within their stratum.
    shares : float array, [strata]
        They sum to 1, or to 0 where strata are held against each other; a stratum of share 0 is left out.
    """

    clusters: IntArray
    strata: IntArray
    weights: FloatArray
    shares: FloatArray

    def of(self, stratum: int) -> Layout:
        """Return the layout of one stratum alone."""
        return replace(self, shares=np.eye(len(self.shares))[stratum])

    def in_mean(self, values: FloatArray) -> FloatArray:
        """Return how much each question counts in the mean of these values; 0 where it has none."""
        counts = np.where(np.isnan(values), 0.0, self.weights)
        total = np.bincount(self.strata, counts, len(self.shares))
        each = np.divide(self.shares, total, out=np.zeros_like(total), where=total > 0)
        return np.asarray(counts * each[self.strata])

    def against(self, inside: np.ndarray, weights: FloatArray) -> Layout:
        """Return the layout of the questions inside less the others, each by its own weight."""
        return Layout(self.clusters, inside.astype(np.int64), weights, np.array([-1.0, 1.0]))


@dataclass(frozen=True)
class Layouts:
    """The layouts of a question set.

    Attributes
    ----------
    questions : QuestionSet
    weights : dict of str to float
        Dimension → its share in the score; they sum to 1, and 0 is one that does not count.
    """

    questions: QuestionSet
    weights: dict[str, float]

    @cached_property
    def clusters(self) -> IntArray:
        """The cluster of each question, from 0."""
        return _codes([cluster_of(question) for question in self.questions])

    @cached_property
    def score(self) -> Layout:
        """One stratum per dimension."""
        place = {name: index for index, name in enumerate(self.weights)}
        strata = np.array([place[question.dimension] for question in self.questions], dtype=np.int64)
        weights = np.array([question.weight for question in self.questions], dtype=np.float64)
        return Layout(self.clusters, strata, weights, np.array(list(self.weights.values()), dtype=np.float64))

    @cached_property
    def plain(self) -> Layout:
        """Every question once."""
        n = len(self.questions)
        return Layout(self.clusters, np.zeros(n, dtype=np.int64), np.ones(n), np.ones(1))

    def dimension(self, name: str) -> Layout:
        """Return the layout of one dimension alone."""
        return self.score.of(list(self.weights).index(name))

    def within(self, dimension: str = "", tag: str = "") -> np.ndarray:
        """Return which questions are of a dimension and have a tag such as ``language=zh``."""
        key, _, value = tag.partition("=")
        inside = np.ones(len(self.clusters), dtype=bool)
        if dimension:
            inside &= self.score.strata == list(self.weights).index(dimension)
        if tag:
            inside &= self.tags[key] == value
        return inside

    @cached_property
    def tags(self) -> dict[str, np.ndarray]:
        """Each tag's value of each question; empty where it has none."""
        keys = dict.fromkeys(key for question in self.questions for key in question.tags)
        return {key: np.array([question.tags.get(key, "") for question in self.questions]) for key in keys}


def layouts(questions: QuestionSet, weights: Mapping[str, float]) -> Layouts:
    """Return the layouts of a question set; a dimension without a weight has the weight 1.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
    >>> asked = [Question(name, (Message("user", "?"),), "exact", "facts") for name in ("q1", "q2")]
    >>> layouts(QuestionSet(tuple(asked), ""), {}).weights
    {'facts': 1.0}
    """
    given = {name: float(weights.get(name, 1.0)) for name in questions.dimensions}
    total = sum(given.values())
    return Layouts(questions, {name: weight / total if total else 0.0 for name, weight in given.items()})


def cluster_of(question: Question) -> str:
    """Return the cluster of a question: its own, else one that it shares with its twin, else itself."""
    return question.cluster or min(question.id, question.twin or question.id)


def _codes(names: list[str]) -> IntArray:
    place = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)
