"""The failed questions as the page of a selection lists them: each once, with every candidate that fails it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import CandidateResult, FailureCause, Item

MAX_FAILED = 300  # of one candidate
MAX_BYTES = 500_000
MAX_QUESTION, MAX_ANSWER, MAX_TRIED = 600, 400, 200  # characters
MAX_TRIES = 3
FRAME, ENTRY = 600, 700  # bytes of markup about a question, and about one candidate's answer


class Try(NamedTuple):
    """How a failed question was asked again, and what was answered."""

    how: str
    text: str


class Failed(NamedTuple):
    """One candidate's answer to a question that it fails."""

    candidate: str
    cause: str
    lost: float
    text: str
    about: str
    evidence: str
    tried: list[Try]
    untried: str


class Listed(NamedTuple):
    """A question with all that fail it, `by`; `right` says what a right answer is."""

    name: str
    question: Question | None
    right: str
    by: list[Failed]


class Listing(NamedTuple):
    """The questions that are listed, and how many are failed in all."""

    rows: list[Listed]
    n: int


VARIANTS = {"again": "the same once more", "context": "with the context given", "steps": "step by step"}


def listing(candidates: Sequence[CandidateResult], questions: QuestionSet, max_bytes: int = MAX_BYTES) -> Listing:
    """Return the failed questions within the budget: those that cost the first candidate most come first.

    Of one candidate at most 300 are listed.

    Parameters
    ----------
    candidates : sequence of CandidateResult
        The one that matters most first.
    questions : QuestionSet
    max_bytes : int
        About how large the list may become.
    """
    asked = {question.id: question for question in questions}
    shown: dict[str, int] = dict.fromkeys((candidate.name for candidate in candidates), 0)
    rows, left = [], max_bytes
    ranked = _ranked(candidates)
    for name, failing in ranked.items():
        by = [_failed(c, cause, item) for c, cause, item in failing if shown[c.name] < MAX_FAILED]
        if not by:
            continue
        listed = Listed(name, asked.get(name), _right(asked.get(name)), by)
        left -= _size(listed)
        if left < 0:
            break
        rows.append(listed)
        for found in by:
            shown[found.candidate] += 1
    return Listing(rows, len(ranked))


Failing = list[tuple[CandidateResult, FailureCause, "Item | None"]]


def _ranked(candidates: Sequence[CandidateResult]) -> dict[str, Failing]:
    """Return each failed question with who fails it, the costliest for the first candidate first, then for all."""
    found: dict[str, Failing] = defaultdict(list)
    for candidate in candidates:
        items = {item.question: item for item in candidate.items}
        for cause in candidate.causes.items:
            found[cause.question].append((candidate, cause, items.get(cause.question)))
    first = candidates[0].name if candidates else ""

    def cost(failing: Failing) -> tuple[float, float]:
        own = sum(cause.lost for candidate, cause, _ in failing if candidate.name == first)
        return -own, -sum(cause.lost for _, cause, _ in failing)

    return dict(sorted(found.items(), key=lambda pair: cost(pair[1])))


def _failed(candidate: CandidateResult, cause: FailureCause, item: Item | None) -> Failed:
    text, about = _answered(*words.failing(item)) if item else ("", "")
    tried = [
        Try(VARIANTS.get(answer.variant, words.cut(answer.variant)), words.cut(_text(answer), MAX_TRIED))
        for answer in cause.tried[:MAX_TRIES]
    ]
    untried = "; ".join(f"{', '.join(names)}{f' ({why})' if why else ''}" for why, names in _untried(cause).items())
    return Failed(candidate.name, cause.cause, cause.lost, text, about, words.cut(cause.evidence, MAX_TRIED), tried,
                  words.cut(untried, MAX_TRIED))  # fmt: skip


def _untried(cause: FailureCause) -> dict[str, list[str]]:
    """Return what was not tried by the reason why: ``context: there is none`` is a name and its reason."""
    found: dict[str, list[str]] = defaultdict(list)
    for said in cause.untried:
        name, _, why = said.partition(": ")
        found[words.cut(why, MAX_TRIED)].append(VARIANTS.get(name, words.cut(name)))
    return found


def _answered(answer: Answer, score: Score) -> tuple[str, str]:
    """Return the answer, and what the scorer said of it."""
    known = score.extracted in (answer.text, *score.why.split("'"))  # or the scorer says so itself
    read = f"read as “{words.cut(score.extracted)}”" if score.extracted and not known else ""
    said = [score.status.replace("_", " "), f"{score.value:.2g}" if 0 < score.value < 1 else "", read,
            words.cut(score.why, MAX_TRIED)]  # fmt: skip
    return words.cut(_text(answer), MAX_ANSWER), "; ".join(filter(None, said))


def _text(answer: Answer) -> str:
    if answer.text is None:
        return f"({words.cut(answer.error.replace('_', ' '))}: {words.cut(answer.message, MAX_TRIED)})"
    return answer.text or "(empty)"


def _right(question: Question | None) -> str:
    """Return what a right answer is: the gold, else the rubric, else the schema."""
    if question is None:
        return ""
    if question.gold:
        return words.cut(" | ".join(question.gold), MAX_ANSWER)
    if question.rubric:
        return words.cut(question.rubric, MAX_ANSWER)
    return words.cut(json.dumps(question.schema, ensure_ascii=False), MAX_ANSWER) if question.schema else ""


def _size(listed: Listed) -> int:
    texts = [listed.name, listed.right, words.cut(listed.question.text, MAX_QUESTION) if listed.question else ""]
    for found in listed.by:
        texts += [found.candidate[:80] * 2, found.text, found.about, found.evidence, found.untried]
        texts += [text for tried in found.tried for text in tried]
    return FRAME + ENTRY * len(listed.by) + sum(len(text.encode(errors="replace")) for text in texts)
