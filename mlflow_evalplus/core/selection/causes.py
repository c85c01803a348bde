"""Why a candidate fails: every failed question is asked again in a changed way, and the first cause that holds wins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.selection.failed_question import FailedQuestion, How, Replies, Scoring
from mlflow_evalplus.core.selection.failure_rows import failure_rows
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.selection import FailureCause, FailureCauses, Item

Asking = Callable[[Mapping[str, Sequence[Request]]], Mapping[str, Replies]]


def diagnose(
    questions: QuestionSet,
    items: Mapping[str, Sequence[Item]],
    ask: Asking,
    score: Scoring,
    *,
    again: int = 2,
    system: str = "",
) -> dict[str, FailureCauses]:
    """Return why each candidate fails.

    Parameters
    ----------
    questions : QuestionSet
    items : mapping of str to sequence of Item
        Candidate → what it answered. A question fails where its first repeat is not passed; one that was answered and
        that no judge gave a usable verdict on is neither.
    ask : function
        Candidate → requests in, candidate → answers in the same order out; None where a file has no such answer. It is
        called a few times, each time for all candidates and all that is open.
    score : function
        Candidate, question and answer → Score.
    again : int
        How often the same is asked again of a question that was asked once; 0 for never.
    system : str
        As in the first place.

    Returns
    -------
    dict of str to FailureCauses
        By candidate.

    Notes
    -----
    The causes, in order; what was asked again counts as right where it passes, or would once re-extracted.

    1. ``call_error``: no answer came.
    2. ``truncation``: the answer was cut at the limit of tokens.
    3. ``format``: it is right once re-extracted.
    4. ``unstable``: it is right in other repeats.
    5. ``language``: its twin in the other language passes; or the answer is in another language than the question, and
       it is one in words, or not in the form asked.
    6. ``knowledge``: it passes with the question's context given.
    7. ``reasoning``: it passes when it is asked step by step.
    8. ``unexplained``.

    A choice or label that is right once may be guessed: it has to be right so often that a guess at random is so with a
    chance of at most 1/16, as far as it can be asked.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> from mlflow_evalplus.results.answers import Answer, Score
    >>> hours = Question("q", (Message("user", "Open till?"),), "exact", "policy", ("six",), context="Open 9 to 6.")
    >>> wrong = Item("q", (Answer("small", "q", text="ten"),), (Score(0.0, False, "wrong"),), 0.0)
    >>> def ask(wanted):
    ...     return {name: [Answer(name, r.question, r.variant, r.repeat, "six" if r.variant == "context" else "ten")
    ...                    for r in requests] for name, requests in wanted.items()}
    >>> def score(name, question, answer):
    ...     right = answer.text in question.gold
    ...     return Score(float(right), right, "right" if right else "wrong", relaxed=float(right))
    >>> causes = diagnose(QuestionSet((hours,), ""), {"small": [wrong]}, ask, score)
    >>> [(row.cause, row.share) for row in causes["small"].overall], causes["small"].n_calls
    ([('knowledge', 1.0)], 3)
    """
    if again < 0:
        raise DataError(f"again is how often the same is asked again, from 0, got {again}")
    known, how = {question.id: question for question in questions}, How(score, again, system)
    failed = {name: _failed(name, known, own, how) for name, own in items.items()}
    found, calls = _examine([case for cases in failed.values() for case in cases], ask)
    causes = {name: tuple(_cause(case, found[case]) for case in cases) for name, cases in failed.items()}
    return {name: FailureCauses(own, failure_rows(questions, own), calls[name]) for name, own in causes.items()}


def _failed(name: str, known: Mapping[str, Question], items: Sequence[Item], how: How) -> list[FailedQuestion]:
    by_id = {item.question: item for item in items}
    found = []
    for item in items:
        question = known[item.question]
        if not item.passed and not (item.answers[0].answered and math.isnan(item.scores[0].value)):
            twin = by_id.get(question.twin)
            found.append(FailedQuestion(name, question, item, (known[question.twin], twin) if twin else None, how))
    return found


def _examine(
    cases: Sequence[FailedQuestion], ask: Asking
) -> tuple[dict[FailedQuestion, tuple[str, str]], Counter[str]]:
    """Walk through all cases at once; return the cause of each with what was seen, and the answers by candidate."""
    found: dict[FailedQuestion, tuple[str, str]] = {}
    calls: Counter[str] = Counter()
    open_ = [(case, case.cause()) for case in cases]
    replies: dict[FailedQuestion, Replies | None] = dict.fromkeys(cases)
    while open_:
        wanted: dict[FailedQuestion, list[Request]] = {}
        for case, walk in open_:
            try:
                wanted[case] = walk.send(replies[case])  # type: ignore[arg-type]
            except StopIteration as end:
                found[case] = end.value
        open_ = [(case, walk) for case, walk in open_ if case in wanted]
        replies = dict(_asked(wanted, ask, calls)) if wanted else {}
    return found, calls


def _asked(
    wanted: Mapping[FailedQuestion, list[Request]], ask: Asking, calls: Counter[str]
) -> Iterator[tuple[FailedQuestion, Replies]]:
    """Ask all at once, and yield what each case is answered."""
    by_candidate: dict[str, list[Request]] = {}
    for case, requests in wanted.items():
        by_candidate.setdefault(case.name, []).extend(requests)
    answers = ask(by_candidate)
    for name, requests in by_candidate.items():
        if len(answers.get(name, ())) != len(requests):
            given = len(answers.get(name, ()))
            raise DataError(
                f"{name!r} was asked {len(requests)} questions again and gave {given} answers; give as many"
            )
    rest = {name: iter(given) for name, given in answers.items()}
    for case, requests in wanted.items():
        came = list(islice(rest[case.name], len(requests)))
        calls[case.name] += sum(answer is not None for answer in came)
        yield case, came


def _cause(case: FailedQuestion, found: tuple[str, str]) -> FailureCause:
    value = case.item.value
    lost = case.question.weight * (1 - (0.0 if math.isnan(value) else value))
    return FailureCause(case.question.id, found[0], lost, found[1], tuple(case.tried), tuple(case.untried))
