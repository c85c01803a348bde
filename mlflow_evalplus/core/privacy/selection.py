"""A selection and its questions → what of them is stored."""

from __future__ import annotations

from dataclasses import replace

from mlflow_evalplus.core.privacy.keeping import Keeper
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.core.scorers.exact import normal
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results import CandidateResult, FailureCause, Item, Selection
from mlflow_evalplus.results.answers import Answer, Score

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def stored_selection(selection: Selection, questions: QuestionSet, mode: StoreText) -> tuple[Selection, QuestionSet]:
    """Return a selection and its questions as they are stored.

    Texts are what is asked, what is right, what was answered, what a judge or a server said. Labels and letters of
    choices, values, causes and figures stay; the digest is that of the full questions.
    """
    if mode == "full":
        return selection, questions
    keeper = Keeper(mode)
    asked = {question.id: question for question in questions}
    kept = replace(
        selection,
        candidates=tuple(_candidate(one, asked, keeper) for one in selection.candidates),
        notes=tuple(map(keeper.prose, selection.notes)),
    )
    return kept, QuestionSet(tuple(_question(one, keeper) for one in questions), questions.digest, questions.source)


def _question(question: Question, keeper: Keeper) -> Question:
    answers = _named(question)
    return replace(
        question,
        messages=tuple(message._replace(content=keeper.text(message.content)) for message in question.messages),
        gold=tuple(one if normal(one) in answers else keeper.text(one) for one in question.gold),
        choices=question.choices if question.type == "label" else tuple(map(keeper.text, question.choices)),
        schema=question.schema if keeper.mode == "masked" else None,
        rubric=keeper.text(question.rubric),
        context=keeper.text(question.context),
    )


def _named(question: Question) -> frozenset[str]:
    """Return the answers that are names and no texts: labels, and the letters of choices."""
    if question.type == "choice":
        return frozenset(map(normal, LETTERS))
    return frozenset(map(normal, (*question.choices, *question.gold))) if question.type == "label" else frozenset()


def _candidate(candidate: CandidateResult, asked: dict[str, Question], keeper: Keeper) -> CandidateResult:
    causes = replace(candidate.causes, items=tuple(_cause(one, keeper) for one in candidate.causes.items))
    items = tuple(_item(item, asked[item.question], keeper) for item in candidate.items)
    return replace(candidate, items=items, causes=causes)


def _item(item: Item, question: Question, keeper: Keeper) -> Item:
    return replace(
        item,
        answers=tuple(_answer(answer, keeper) for answer in item.answers),
        scores=tuple(_score(score, _named(question), keeper) for score in item.scores),
    )


def _answer(answer: Answer, keeper: Keeper) -> Answer:
    text = None if answer.text is None else keeper.text(answer.text)
    return replace(answer, text=text, message=keeper.text(answer.message) if keeper.mode == "masked" else "")


def _score(score: Score, known: frozenset[str], keeper: Keeper) -> Score:
    if keeper.mode == "masked":
        return replace(score, extracted=keeper.text(score.extracted), why=keeper.text(score.why))
    extracted = score.extracted if normal(score.extracted) in known else ""
    return replace(score, extracted=extracted, why="")


def _cause(cause: FailureCause, keeper: Keeper) -> FailureCause:
    said, _, quoted = cause.evidence.partition(": ")
    evidence = keeper.text(cause.evidence) if keeper.mode == "masked" else f"{said}: …" if quoted else said
    tried = tuple(_answer(answer, keeper) for answer in cause.tried)
    return replace(cause, evidence=evidence, tried=tried)
