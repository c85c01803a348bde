"""A selection as tables for MLflow's artifact view: first column the key, second a readable summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.render import selection_pairs as between
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Estimate, number
from mlflow_evalplus.results.estimate import p_value
from mlflow_evalplus.results.selection import CandidateResult, Selection

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = Estimate(nan, nan, nan, 0)


def leaderboard(found: Selection) -> pd.DataFrame:
    """Return one row per candidate, the most useful first, with the columns ``names.LEADERBOARD_COLUMNS``."""
    return _frame(
        (
            (candidate.name, f"{candidate.verdict.outcome}; utility {number(candidate.utility)}",
             candidate.verdict.outcome.value, candidate.name == found.decision.chosen,
             words.place(found, candidate.name) != "" and found.decision.outcome == "tied", candidate.utility,
             *_bounds(candidate.score), candidate.measures.get("coverage", UNKNOWN).value,
             candidate.spending.per_1000, candidate.spending.currency,
             candidate.spending.latency_ms.get("p95", UNKNOWN).value)
            for candidate in found.candidates
        ),
        names.LEADERBOARD_COLUMNS,
    )  # fmt: skip


def dimensions(found: Selection, candidate: CandidateResult) -> pd.DataFrame:
    """Return one row per dimension, with the columns ``names.DIMENSION_COLUMNS``."""
    return _frame(
        (
            (name, f"{interval(score)} n={score.n}", score.n, found.dimension_weights.get(name, nan), *_bounds(score))
            for name, score in candidate.dimensions.items()
        ),
        names.DIMENSION_COLUMNS,
    )


def tags(candidate: CandidateResult) -> pd.DataFrame:
    """Return one row per value of a tag, with the columns ``names.TAG_COLUMNS``; the gap as a share."""
    return _frame(
        (
            (tag.name, f"{interval(tag.score)} n={tag.score.n}, q {p_value(tag.q_value)}", tag.score.n,
             *_bounds(tag.score), tag.gap, tag.q_value, tag.weak)
            for tag in candidate.tags
        ),
        names.TAG_COLUMNS,
    )  # fmt: skip


def pairs(found: Selection) -> pd.DataFrame:
    """Return one row per pair of candidates, the first less the second, with the columns ``names.PAIR_COLUMNS``."""
    return _frame(
        (
            (f"{pair.a} less {pair.b}", f"utility {between.signed(pair.utility)}, p {p_value(pair.p_holm)}",
             pair.utility.n, pair.score.value, pair.score.lower, pair.score.upper, pair.utility.value,
             pair.utility.lower, pair.utility.upper, pair.p_holm, pair.n_needed)
            for pair in found.pairs
        ),
        names.PAIR_COLUMNS,
    )  # fmt: skip


def failures(candidate: CandidateResult) -> pd.DataFrame:
    """Return one row per cause, dimension and language, with the columns ``names.FAILURE_COLUMNS``."""
    return candidate.causes.frame()


def failed(candidate: CandidateResult, questions: QuestionSet) -> pd.DataFrame:
    """Return one row per failed question, that which costs most first, with the columns ``names.FAILED_COLUMNS``.

    The answer is that of the first repeat that is not passed; where none came it is empty.
    """
    asked = {question.id: question for question in questions}
    answered = {item.question: item for item in candidate.items}
    rows = []
    for cause in sorted(candidate.causes.items, key=lambda cause: -cause.lost):
        question, item = asked.get(cause.question), answered.get(cause.question)
        rows.append((
            cause.question, f"{words.cause_title(cause.cause)}: {cause.evidence}",
            question.dimension if question else "", question.text if question else "",
            " | ".join(question.gold) if question else "", (words.failing(item)[0].text or "") if item else "",
            item.value if item else nan, cause.cause, cause.evidence,
        ))  # fmt: skip
    return _frame(rows, names.FAILED_COLUMNS)


def _bounds(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.lower, estimate.upper


def _frame(rows: Iterable[Sequence[Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))
