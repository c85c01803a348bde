"""The confusion matrix of a candidate's answers to label questions, or to choices."""

from __future__ import annotations

import pandas as pd

from mlflow_evalplus import names
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.core.scorers.exact import normal
from mlflow_evalplus.render import confusion
from mlflow_evalplus.results import CandidateResult, Item
from mlflow_evalplus.tracking.items import Figure, File, Page, headed

KINDS = ("label", "choice")  # the first that is there


def confusion_files(candidate: CandidateResult, questions: QuestionSet, run_name: str) -> list[File]:
    """Return page and picture of the confusion matrix; nothing where there are no labels and no choices.

    Only questions with one right answer are counted, and only those that were answered.
    """
    rows = rows_of(candidate, questions)
    if rows.empty:
        return []
    found = evaluate(rows, label="label", slices=())
    page = Page(names.CONFUSION_PAGE, confusion.page(found.confusion))
    return [headed(page, run_name), headed(Figure(names.CONFUSION_FIGURE, found.confusion.figure()), run_name)]


def rows_of(candidate: CandidateResult, questions: QuestionSet) -> pd.DataFrame:
    """Return label and prediction of every answered label question, else of every choice.

    An answer that names none of the labels is a missing prediction.
    """
    asked = {question.id: question for question in questions}
    pairs = [(asked[item.question], item) for item in candidate.items]
    for kind in KINDS:
        rows = [_row(question, item) for question, item in pairs if question.type == kind and _counts(question, item)]
        if rows:
            return pd.DataFrame(rows, columns=["label", "prediction"])
    return pd.DataFrame(columns=["label", "prediction"])


def _counts(question: Question, item: Item) -> bool:
    return len(question.gold) == 1 and item.scores[0].status != "missing"


def _row(question: Question, item: Item) -> tuple[str, str | None]:
    """Return the label, and what was answered in the words of the question's own labels."""
    known = {normal(label): label for label in (*question.choices, *question.gold)}
    said = item.scores[0].extracted
    return question.gold[0], (known.get(normal(said), said) if question.type == "label" else said) or None
