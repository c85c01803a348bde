"""What several judges say, put together: one value per answer, one outcome per pair, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import NamedTuple

import numpy as np

from mlflow_evalplus.core.online.krippendorff import alpha
from mlflow_evalplus.errors import DataError, did_you_mean
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.selection import Judging

WAYS = {"median": median, "mean": mean}
POINTS = {"a": 1.0, "tie": 0.5, "b": 0.0}
AnswerKey = tuple[str, str, int]


class JudgeVerdict(NamedTuple):
    """How good one judge finds one answer: 0 … 1, nan where what it said is unusable."""

    judge: str
    candidate: str
    question: str
    repeat: int
    value: float

    @property
    def usable(self) -> bool:
        """Whether it is a number from 0 to 1."""
        return 0 <= self.value <= 1


class Preference(NamedTuple):
    """Which of two answers, shown in this order, one judge finds better; `winner` is a, b, tie, or empty: unusable."""

    judge: str
    question: str
    a: str
    b: str
    winner: str


class Pairwise(NamedTuple):
    """One judge's outcome of one pair, both orders taken together: `points` of `a` are 1, 0.5 or 0."""

    judge: str
    question: str
    a: str
    b: str
    points: float


def combined(verdicts: Iterable[JudgeVerdict], how: str = "median") -> dict[AnswerKey, float]:
    """Return one value per answer: the judges' median or mean; an unusable verdict is missing, not 0.

    Parameters
    ----------
    verdicts : iterable of JudgeVerdict
    how : str
        ``median`` or ``mean``; of two judges they are the same.

    Returns
    -------
    dict of (candidate, question, repeat) to float
        nan where no judge gave a usable verdict.

    Examples
    --------
    >>> said = [JudgeVerdict("j1", "small", "W01", 0, 0.8), JudgeVerdict("j2", "small", "W01", 0, float("nan"))]
    >>> combined(said)
    {('small', 'W01', 0): 0.8}
    """
    if how not in WAYS:
        raise DataError(f"verdicts are combined by one of {list(WAYS)}, not by {how!r}.{did_you_mean(how, WAYS)}")
    found: dict[AnswerKey, list[float]] = {}
    for verdict in verdicts:
        usable = found.setdefault((verdict.candidate, verdict.question, verdict.repeat), [])
        usable += [verdict.value] if verdict.usable else []
    return {key: float(WAYS[how](values)) if values else math.nan for key, values in found.items()}


def outcomes(preferences: Iterable[Preference]) -> tuple[list[Pairwise], float]:
    """Return each judge's outcome of each pair, and the share of the pairs whose verdict changes with the order.

    A win is one only where both orders agree; where they do not, the pair is a tie. A pair that was judged in one
    order alone, or unusably in one, is left out.

    Parameters
    ----------
    preferences : iterable of Preference
        Each pair in both orders: ``(a, b)`` and ``(b, a)``.

    Returns
    -------
    outcomes : list of Pairwise
        The names of a pair in the order of the alphabet.
    flipped : float
        nan where no pair was judged in both orders.

    Notes
    -----
    Judges prefer an answer by its place: Zheng et al. (2023), arXiv:2306.05685, sec. 3.4.

    Examples
    --------
    >>> said = [Preference("j", "W01", "x", "y", "a"), Preference("j", "W01", "y", "x", "a")]
    >>> outcomes(said)
    ([Pairwise(judge='j', question='W01', a='x', b='y', points=0.5)], 1.0)
    """
    orders: dict[tuple[str, str, str, str], tuple[list[float], list[float]]] = {}
    for said in preferences:
        if said.a == said.b:
            raise DataError(f"question {said.question!r}: judge {said.judge!r} was shown {said.a!r} against itself")
        if said.winner not in (*POINTS, ""):
            raise DataError(
                f"question {said.question!r}: the winner of a pair is one of {list(POINTS)}, or empty where the "
                f"verdict is unusable, got {said.winner!r} of judge {said.judge!r}"
            )
        swapped = said.a > said.b
        pair = (said.b, said.a) if swapped else (said.a, said.b)
        both = orders.setdefault((said.judge, said.question, *pair), ([], []))
        if said.winner:
            points = POINTS[said.winner]
            both[swapped].append(1 - points if swapped else points)
    judged = {key: (mean(one), mean(other)) for key, (one, other) in orders.items() if one and other}
    flipped = mean(one != other for one, other in judged.values()) if judged else math.nan
    decided = [Pairwise(*key, one if one == other else 0.5) for key, (one, other) in judged.items()]
    return decided, float(flipped)


def judging(
    verdicts: Sequence[JudgeVerdict], preferences: Sequence[Preference] = (), *, confidence: float = 0.95
) -> Judging:
    """Return who judged, how far they agree, and how many of their verdicts are unusable.

    The agreement is Krippendorff's alpha of the verdicts as numbers, each answer an item; where no two judges gave a
    verdict on one answer, that of the pairs' outcomes; None where there is neither.

    Examples
    --------
    >>> said = [JudgeVerdict(j, "x", f"W{q}", 0, q / 9) for j in ("j1", "j2") for q in range(10)]
    >>> judging(said).judges, judging(said).agreement.value
    (('j1', 'j2'), 1.0)
    """
    decided, flipped = outcomes(preferences)
    judges = dict.fromkeys([said.judge for said in verdicts] + [said.judge for said in preferences])
    unusable = sum(not said.usable for said in verdicts) + sum(not said.winner for said in preferences)
    rated: dict[object, list[float]] = {}
    for said in verdicts:
        if said.usable:
            rated.setdefault((said.candidate, said.question, said.repeat), []).append(said.value)
    compared: dict[object, list[float]] = {}
    for outcome in decided:
        compared.setdefault((outcome.question, outcome.a, outcome.b), []).append(outcome.points)
    agreement = _agreement(rated, confidence) or _agreement(compared, confidence)
    return Judging(tuple(judges), agreement, len(verdicts) + len(preferences), unusable, flipped)


def _agreement(values: Mapping[object, list[float]], confidence: float) -> Estimate | None:
    """Return alpha over the items that several judged; None where there is no such item."""
    several = [own for own in values.values() if len(own) > 1]
    if not several:
        return None
    items = np.repeat(np.arange(len(several)), [len(own) for own in several])
    return alpha(np.concatenate(several).astype(np.float64), items, "interval", confidence)
