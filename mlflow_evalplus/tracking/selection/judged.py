"""What the judges of a plan say of all answers, put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_evalplus.asking.candidates import Plan
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.core.selection.bradley_terry import ranking
from mlflow_evalplus.core.selection.verdicts import combined, judging, outcomes
from mlflow_evalplus.results import Answer, Judging, Ranked
from mlflow_evalplus.results.answers import AS_ASKED
from mlflow_evalplus.tracking.selection.panel import Judgements, read_panel


@dataclass(frozen=True)
class Judged:
    """The judges' values, their agreement, and what they prefer.

    Attributes
    ----------
    values : mapping of (candidate, question, repeat) to float
        nan where no judge gave a usable verdict.
    judging : Judging or None
        None without judges.
    ranking : tuple of Ranked
    notes : tuple of str
    """

    values: Mapping[tuple[str, str, int], float] = field(default_factory=dict)
    judging: Judging | None = None
    ranking: tuple[Ranked, ...] = ()
    notes: tuple[str, ...] = ()

    def value(self, candidate: str, question: Question, answer: Answer) -> float:
        """Return the judges' value of an answer to the question as it was asked; nan where there is none."""
        if answer.variant != AS_ASKED:
            return math.nan
        return self.values.get((candidate, question.id, answer.repeat), math.nan)


def judged_answers(
    plan: Plan,
    questions: QuestionSet,
    answers: Mapping[str, Sequence[Answer]],
    *,
    journal: Journal | None,
    confidence: float,
    on_step: Callable[[str], None] = lambda step: None,
) -> Judged:
    """Let the judges of a plan say how good the answers are.

    Parameters
    ----------
    plan : Plan
    questions : QuestionSet
    answers : mapping of str to sequence of Answer
        By candidate.
    journal : Journal or None
        A verdict that is in it is not asked again.
    confidence : float
    on_step : callable
        Told what is done.

    Raises
    ------
    DataError
        A judge is wrong, or a file of verdicts.
    """
    panel = read_panel([judge.model_dump(exclude_none=True) for judge in plan.judges])
    if not plan.judges:
        return Judged()
    if panel.judges:
        on_step(f"asking {len(panel.judges)} judge{'s' * (len(panel.judges) > 1)}")
    found = panel.judge(questions, answers, journal=journal)
    if not (found.verdicts or found.preferences):
        return Judged(notes=found.notes)
    return Judged(
        combined(found.verdicts), judging(found.verdicts, found.preferences, confidence=confidence),
        _ranking(found, questions, confidence), found.notes,
    )  # fmt: skip


def _ranking(found: Judgements, questions: QuestionSet, confidence: float) -> tuple[Ranked, ...]:
    clusters = {question.id: question.cluster or question.id for question in questions}
    return ranking(outcomes(found.preferences)[0], clusters, confidence=confidence)
