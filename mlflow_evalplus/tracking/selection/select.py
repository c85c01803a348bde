"""Ask every candidate every question, score, ask again why it failed, and decide."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.asking.budget import Budget
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.candidates import Plan, read_candidates
from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.core.questions.prompting import as_asked
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.core.questions.reading import read_questions
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.core.selection.causes import Asking, diagnose
from mlflow_evalplus.core.selection.evaluate import select_among
from mlflow_evalplus.core.selection.items import item_of
from mlflow_evalplus.core.selection.mistakes import check_rules
from mlflow_evalplus.errors import EvalPlusError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Answer, FailureCauses, Item, Score, Selection
from mlflow_evalplus.tracking.selection.judged import Judged, judged_answers
from mlflow_evalplus.tracking.selection.mlflow_model import maker

NOT_RECORDED = "no answer is recorded"
LONGEST = 300
Scorer = Callable[[Question, str], "bool | float | Score"]


@dataclass(frozen=True)
class Selected:
    """A selection with the questions that it was made on."""

    selection: Selection
    questions: QuestionSet


def select(
    questions: str | Path | QuestionSet,
    candidates: str | Path | Plan,
    requirements: str | Path | Mapping[str, object] | Requirements | None = None,
    *,
    repeats: int | None = None,
    journal: str | Path | None = None,
    why: bool = True,
    rescore: bool = False,
    scorers: Mapping[str, Scorer] | None = None,
    on_step: Callable[[str], None] = lambda step: None,
    on_answer: Callable[[Answer], None] | None = None,
) -> Selected:
    """Choose among candidates by how they answer the business's own questions.

    Parameters
    ----------
    questions : path or QuestionSet
    candidates : path or Plan
        candidates.yaml: who is asked, how often, under which limits; see docs/asking.md.
    requirements : path, mapping or Requirements, optional
        Its ``priority`` and its section ``selection:``.
    repeats : int, optional
        How often each question is asked; the plan's by default.
    journal : path, optional
        Every answer is written here as it comes; what is in it is not asked again. The plan's by default.
    why : bool
        Ask again, in changed ways, what a candidate failed, to say why.
    rescore : bool
        Call nobody: what is neither recorded nor in the journal is missing.
    scorers : mapping of str to callable, optional
        Your own, ``(question, text) -> bool | float | Score``, by type, dimension or id of a question.
    on_step, on_answer : callable, optional
        Told what is done at the moment, and every answer that comes.

    Returns
    -------
    Selected

    Raises
    ------
    DataError
        A question, a candidate or an answer cannot be read.
    RequirementsError
        The requirements are not valid, or do not fit the questions.
    EvalPlusError
        No candidate answered anything: a wrong key, a server that is down, a file of other questions.
    """
    wanted = asked.load(requirements)
    known = questions if isinstance(questions, QuestionSet) else read_questions(questions)
    plan = candidates if isinstance(candidates, Plan) else plan_of(candidates)
    check_rules(known, [candidate.name for candidate in plan.candidates], wanted.selection)
    times = repeats or plan.repeats
    with _journal(plan, journal, rescore=rescore) as kept:
        ask = partial(ask_all, plan.candidates, journal=kept, budget=plan.budget, on_answer=on_answer, call=not rescore)
        on_step(f"asking {_named(plan.candidates)} {len(known):,} questions")
        answers = _as_asked(plan, known, times, ask)
        _refuse_silence(plan, answers, rescore=rescore)
        flat = {name: [a for own in by_question.values() for a in own] for name, by_question in answers.items()}
        judged = judged_answers(plan, known, flat, journal=kept, confidence=wanted.confidence, on_step=on_step)
        on_step("scoring")
        score = partial(_score, judged, scorers)
        items = {name: _items(name, known, found, score) for name, found in answers.items()}
        causes = {name: FailureCauses((), ()) for name in items}
        if why:
            on_step("asking again what was failed")
            causes = diagnose(known, items, ask, score, system=plan.system)
    on_step("deciding")
    selection = select_among(
        known, items, causes, wanted, repeats=times, currency=plan.currency,
        about={candidate.name: dict(candidate.about) for candidate in plan.candidates},
        concurrency={candidate.name: candidate.concurrency for candidate in plan.candidates},
        ranking=judged.ranking, judging=judged.judging, notes=(*plan.notes, *judged.notes),
    )  # fmt: skip
    return Selected(selection, known)


def plan_of(
    candidates: str | Path, *, only: Sequence[str] = (), budget: float | None = None, prices: str | Path | None = None
) -> Plan:
    """Read candidates.yaml, MLflow models among them; only those candidates are made that are asked.

    Parameters
    ----------
    candidates : path
    only : sequence of str
        Names; empty for all.
    budget : float, optional
        Money, in place of the file's.
    prices : path, optional
        A table of prices that goes before the file's.

    Raises
    ------
    RequirementsError
        The file has mistakes, or there is no candidate of a name.
    """
    plan = read_candidates(candidates, {"model": maker}, prices=prices, only=only)
    if budget is not None:
        plan = replace(plan, budget=Budget(budget, plan.currency))
    return plan


@contextmanager
def _journal(plan: Plan, path: str | Path | None, *, rescore: bool) -> Iterator[Journal | None]:
    """Yield the journal; none where nobody is called, so that no file appears."""
    called = any(candidate.asks for candidate in plan.candidates) or any(judge.model for judge in plan.judges)
    if not called or (rescore and not Path(path or plan.journal).exists()):
        yield None
        return
    with Journal(path or plan.journal) as journal:
        yield journal


def _score(
    judged: Judged, scorers: Mapping[str, Scorer] | None, candidate: str, question: Question, answer: Answer
) -> Score:
    return score_answer(question, answer, verdict=judged.value(candidate, question, answer), scorers=scorers)


def _named(candidates: Sequence[Candidate]) -> str:
    names = ", ".join(candidate.name for candidate in candidates)
    return names if len(candidates) < 5 else f"{len(candidates)} candidates"


def _as_asked(plan: Plan, questions: QuestionSet, repeats: int, ask: Asking) -> dict[str, dict[str, list[Answer]]]:
    """Return the answers by candidate and question, one for each repeat.

    A file of recorded answers may hold fewer repeats; of a question without any it says that none is recorded.
    """
    requests = [
        Request(question.id, as_asked(question, plan.system), repeat=repeat)
        for question in questions
        for repeat in range(repeats)
    ]
    found = ask({candidate.name: requests for candidate in plan.candidates})
    answers: dict[str, dict[str, list[Answer]]] = {}
    for name, given in found.items():
        by_question = answers[name] = {question.id: list[Answer]() for question in questions}
        for request, answer in zip(requests, given, strict=True):
            if answer is not None:
                by_question[request.question].append(answer)
        for key, known in by_question.items():
            if not known:
                known.append(Answer(name, key, error="other", message=NOT_RECORDED, attempts=0))
    return answers


def _refuse_silence(plan: Plan, answers: Mapping[str, Mapping[str, Sequence[Answer]]], *, rescore: bool) -> None:
    """Refuse to judge candidates of which none answered anything: that says nothing of them."""
    flat = {name: [answer for given in found.values() for answer in given] for name, found in answers.items()}
    if any(answer.answered for given in flat.values() for answer in given):
        return
    places = {candidate.name: candidate.about.get("address", "") for candidate in plan.candidates}
    lines = [f"  {' at '.join(filter(None, (name, places[name])))}: {_most_frequent(given)}"
             for name, given in flat.items() if given]  # fmt: skip
    todo = "; --rescore calls nobody, so ask them first without it" if rescore else ""
    raise EvalPlusError("\n".join([f"no candidate answered anything{todo}{':' * bool(lines)}", *lines]))


def _most_frequent(answers: Sequence[Answer]) -> str:
    told = Counter((answer.error, answer.message) for answer in answers)
    (error, message), n = told.most_common(1)[0]
    kind = error.replace("_", " ")
    return f"{n:,} of {len(answers):,} {message if error == 'other' else f'{kind}: {message}'}"[:LONGEST]


def _items(
    name: str, questions: QuestionSet, answers: Mapping[str, Sequence[Answer]], score: Callable[..., Score]
) -> list[Item]:
    scores = {question.id: [score(name, question, answer) for answer in answers[question.id]] for question in questions}
    passed = {key: found[0].passed if not math.isnan(found[0].value) else None for key, found in scores.items()}
    return [item_of(question, answers[question.id], scores[question.id], passed.get(question.twin))
            for question in questions]  # fmt: skip
