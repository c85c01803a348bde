"""A candidate's items as arrays: counted once, estimated many times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.scorers.consistency import pass_k
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.results.selection import Item

THOUSAND = 1000


@dataclass(frozen=True)
class Facts:
    """What is known of one candidate, per question and per answer.

    Attributes
    ----------
    columns : dict of str to float array, [questions]
        ``score``, the measures of ``names.SELECTION_MEASURES`` and ``cost_per_1000``; nan where nothing is known.
    answered : bool array, [questions]
        Whether any answer came.
    place : int array, [answers]
        The question of each answer that came.
    latency_ms, first_token_ms, tokens_per_s : float array, [answers]
        nan where it was not measured.
    """

    columns: dict[str, FloatArray]
    answered: np.ndarray
    place: IntArray
    latency_ms: FloatArray
    first_token_ms: FloatArray
    tokens_per_s: FloatArray

    def __getitem__(self, column: str) -> FloatArray:
        return self.columns[column]

    def known(self, column: str) -> bool:
        """Whether any question has a value."""
        return not bool(np.isnan(self.columns[column]).all())

    def without(self, left_out: np.ndarray) -> Facts:
        """Return the same, the questions that nobody could score left out of the coverage."""
        covered = np.where(left_out, np.nan, self.columns["coverage"])
        return replace(self, columns={**self.columns, "coverage": covered})


def facts(items: Sequence[Item]) -> Facts:
    """Return the arrays of a candidate's items, in their order.

    Examples
    --------
    >>> from mlflow_evalplus.results.answers import Answer, Score
    >>> right = Item("q1", (Answer("a", "q1", text="42"),), (Score(1.0, True, "right"),), 1.0)
    >>> found = facts([right])
    >>> found["score"].tolist(), found["length"].tolist(), found.known("fluency")
    ([1.0], [2.0], False)
    """
    place = np.repeat(np.arange(len(items)), [len(item.scores) for item in items])
    scores = [score for item in items for score in item.scores]
    came = np.array([score.status != "missing" for score in scores], dtype=bool)

    def share(values: Iterable[float | bool | None], among: np.ndarray | None = None) -> FloatArray:
        found = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
        return _by_question(found if among is None else np.where(among, found, np.nan), place, len(items))

    answers, of_answer, answered = _answers(items)
    return Facts(
        {
            "score": _each(items, lambda item: item.value),
            "coverage": share(not math.isnan(score.value) for score in scores),
            "no_answer_rate": share((score.status == "no_answer" for score in scores), came),
            "format_compliance": share(score.format_ok for score in scores),
            "refusal_rate": share((score.refused for score in scores), came),
            "fluency": _each(items, lambda item: item.fluency),
            "stability": _each(items, lambda item: item.stability),
            "pass_k": _each(items, lambda item: pass_k(item.scores)),
            "length": _by_question(np.array([float(len(a.text or "")) for a in answers]), of_answer, len(items)),
            "cost_per_1000": _by_question(np.array([THOUSAND * a.money for a in answers]), of_answer, len(items)),
        },
        answered, of_answer, np.array([THOUSAND * a.seconds for a in answers], dtype=np.float64),
        np.array([THOUSAND * a.first_token_s for a in answers], dtype=np.float64),
        np.array([_rate(a) for a in answers], dtype=np.float64),
    )  # fmt: skip


def _each(items: Sequence[Item], of: Callable[[Item], float]) -> FloatArray:
    return np.array([of(item) for item in items], dtype=np.float64)


def _by_question(values: FloatArray, place: IntArray, n: int) -> FloatArray:
    """Return the mean of each question's values that are not nan."""
    known = ~np.isnan(values)
    count = np.bincount(place[known], minlength=n)
    total = np.bincount(place[known], values[known], n)
    return np.asarray(np.divide(total, count, out=np.full(n, np.nan), where=count > 0))


def _answers(items: Sequence[Item]) -> tuple[list[Answer], IntArray, np.ndarray]:
    """Return the answers that came, the question of each, and the questions that have one."""
    found = [(index, answer) for index, item in enumerate(items) for answer in item.answers if answer.answered]
    place = np.array([index for index, _ in found], dtype=np.int64)
    return [answer for _, answer in found], place, np.bincount(place, minlength=len(items)) > 0


def _rate(answer: Answer) -> float:
    return answer.completion_tokens / answer.seconds if answer.completion_tokens and answer.seconds > 0 else math.nan
